"""A service that keyseat's HTTP connector calls, with the standard library alone. Replace carry_out.

    (umask 077; openssl rand -hex 32 > token)
    python3 service.py

The variables TOKEN_FILE, ANSWERS and PORT change the token's file, the folder of answers and the port.
"""
import concurrent.futures, hmac, json, os, pathlib, re, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

token = pathlib.Path(os.environ.get("TOKEN_FILE", "token")).read_text().strip()
folder = pathlib.Path(os.environ.get("ANSWERS", "answers"))  # has the answers by Idempotency-Key, and no secret
folder.mkdir(mode=0o700, exist_ok=True)
jobs, guard, pool = {}, threading.Lock(), concurrent.futures.ThreadPoolExecutor(64)


def carry_out(task, retried):
    """Does the work at the provider. If retried is true, an earlier call may have done it: check that first."""
    local = task["account"]["login"].split("@")[0]
    if local == "success" and task["kind"] == "upgrade":
        return {"outcome": "success", "username": "member of " + task["plan"]["id"]}
    return {"outcome": local if local in ("success", "account_locked") else "invalid_credentials"}


def save(path, text):  # on the disk before anything relies on it
    with open(f"{path}.new", "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.new", path)


def work(key, task):  # runs once at a time for a key
    answer, started = folder / f"{key}.json", folder / f"{key}.started"
    if not answer.exists():
        retried = started.exists()
        save(started, "")
        save(answer, json.dumps(carry_out(task, retried)))
    return answer.read_text()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        key = self.headers.get("Idempotency-Key", "")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not hmac.compare_digest(self.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()):
            return self.answer(401)
        try:
            task = json.loads(body)
            valid = self.path == "/" + task["kind"] and isinstance(task["account"]["login"], str)
        except (ValueError, TypeError, KeyError):
            valid = False
        if not valid or not re.fullmatch("[A-Za-z0-9-]{1,100}", key):
            return self.answer(400)
        with guard:
            job = jobs.get(key)
            if not job:
                job = jobs[key] = pool.submit(work, key, task)
                job.add_done_callback(lambda _: jobs.pop(key, None))
        try:
            self.answer(200, job.result(timeout=5))
        except concurrent.futures.TimeoutError:
            self.answer(202)  # keyseat asks again, and the work goes on
        except Exception as error:
            self.log_error("%s: %s", key, type(error).__name__)  # the text of an error may have a secret
            self.answer(503)  # the result is not certain: keyseat asks again

    def answer(self, status, text=""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(text.encode())


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9090"))), Handler)
print("listening on", server.server_address, flush=True)
server.serve_forever()
