// A service that keyseat's HTTP connector calls, with no packages. Replace carryOut.
//
//   (umask 077; openssl rand -hex 32 > token)
//   node service.mjs
//
// The variables TOKEN_FILE, ANSWERS and PORT change the token's file, the folder of answers and the port.
import { createHash, timingSafeEqual } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { open, readFile, rename } from "node:fs/promises";
import { createServer } from "node:http";
import { setTimeout } from "node:timers/promises";

const token = readFileSync(process.env.TOKEN_FILE ?? "token", "utf8").trim();
const folder = process.env.ANSWERS ?? "answers"; // has the answers by Idempotency-Key, and no secret
mkdirSync(folder, { recursive: true, mode: 0o700 });
const jobs = new Map();

// carryOut does the work at the provider. If retried is true, an earlier call may have done it: check that first.
async function carryOut(task, retried) {
  const local = task.account.login.split("@")[0];
  if (local === "success" && task.kind === "upgrade") return { outcome: "success", username: `member of ${task.plan.id}` };
  return { outcome: ["success", "account_locked"].includes(local) ? local : "invalid_credentials" };
}

async function save(path, text) { // on the disk before anything relies on it
  const file = await open(`${path}.new`, "w", 0o600);
  await file.writeFile(text);
  await file.sync();
  await file.close();
  await rename(`${path}.new`, path);
}

async function work(key, task) { // runs once at a time for a key
  const answer = `${folder}/${key}.json`, started = `${folder}/${key}.started`;
  if (!existsSync(answer)) {
    const retried = existsSync(started);
    await save(started, "");
    await save(answer, JSON.stringify(await carryOut(task, retried)));
  }
  return readFile(answer, "utf8");
}

const hash = (text) => createHash("sha256").update(text).digest();

async function respond(request) {
  const key = request.headers["idempotency-key"] ?? "";
  let body = "", task;
  for await (const piece of request.setEncoding("utf8")) body += piece;
  if (!timingSafeEqual(hash(request.headers.authorization ?? ""), hash(`Bearer ${token}`))) return [401];
  try { task = JSON.parse(body); } catch { return [400]; }
  const valid = request.method === "POST" && request.url === `/${task?.kind}` && typeof task.account?.login === "string";
  if (!valid || !/^[A-Za-z0-9-]{1,100}$/.test(key)) return [400];
  if (!jobs.has(key)) jobs.set(key, work(key, task).finally(() => jobs.delete(key)));
  const answer = await Promise.race([jobs.get(key), setTimeout(5000, undefined, { ref: false })]);
  return answer === undefined ? [202] : [200, answer]; // after a 202 keyseat asks again, and the work goes on
}

const server = createServer(async (request, response) => {
  // After an error the result is not certain: keyseat asks again. The text of an error may have a secret.
  const [status, text] = await respond(request).catch((error) => (console.error(error.name), [503]));
  response.writeHead(status, { "Content-Type": "application/json", "Retry-After": "1" }).end(text);
});
server.listen(Number(process.env.PORT ?? 9090), "127.0.0.1", () => console.log("listening on", server.address()));
