// A client of keyseat's public API and admin API, for Node, Deno, Bun and browsers. It has no dependency.
// index.d.mts has the types, and README.md an example.

// ProblemError is an answer of the admin API, or of something before it, with a status of 400 or more.
export class ProblemError extends Error {
  constructor(status, problem, retryAfter) {
    super(problem ? `${problem.code}: ${problem.detail}` : `status ${status}`);
    Object.assign(this, { name: "ProblemError", status, problem, code: problem?.code, retryAfter });
  }
}

const join = (base, path) => base.replace(/\/+$/, "") + path;

// failure reads the answer to a failed call. It ignores a body of another form, such as the page of a proxy.
async function failure(response) {
  const problem = await response.json().catch(() => undefined);
  const seconds = Number(response.headers.get("Retry-After") || NaN);
  return new ProblemError(response.status, problem?.code ? problem : undefined, Number.isNaN(seconds) ? undefined : seconds);
}

// Client uses the public API. Each call is a POST, which keeps keys and passwords out of URLs.
export class Client {
  #url;
  #fetch;

  constructor(base, { fetch = globalThis.fetch } = {}) {
    this.#url = join(base, "/API/");
    this.#fetch = (...args) => fetch(...args); // browsers refuse a fetch that is called as a method
  }

  async #call(fields) {
    const body = new URLSearchParams(Object.entries(fields).filter(([, value]) => value !== undefined));
    const response = await this.#fetch(this.#url, { method: "POST", body, redirect: "error" });
    if (!response.ok) throw await failure(response);
    return response.json();
  }

  info(key) { return this.#call({ info: key }); }
  upgrade({ key, login, pwd, country }) { return this.#call({ upgrade: key, login, pwd, country }); }
  renew({ key, login, pwd, country, newemail, newpwd }) { return this.#call({ renew: key, login, pwd, country, newemail, newpwd }); }
  stock() { return this.#call({ stock: "" }); }
}

// Admin uses the admin API with one token.
export class Admin {
  #base;
  #token;
  #fetch;

  constructor(base, token, { fetch = globalThis.fetch } = {}) {
    this.#base = base;
    this.#token = token;
    this.#fetch = (...args) => fetch(...args); // browsers refuse a fetch that is called as a method
  }

  // call makes one call, such as call("get", "/admin/v1/keys/{code}", { path: { code } }).
  async call(method, path, { path: names = {}, query = {}, header = {}, body } = {}) {
    const filled = path.replace(/\{(\w+)\}/g, (_, name) => segment(String(names[name])));
    const params = Object.entries(query).filter(([, value]) => value !== undefined).map(([name, value]) => [name, String(value)]);
    const url = join(this.#base, filled) + (params.length ? "?" + new URLSearchParams(params) : "");
    const headers = { ...header, Authorization: `Bearer ${this.#token}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const response = await this.#fetch(url, { method: method.toUpperCase(), headers, body: JSON.stringify(body), redirect: "error" });
    if (!response.ok) throw await failure(response);
    return response.status === 204 ? undefined : response.json();
  }

  // each yields the entries of a list, page by page.
  async *each(path, query = {}) {
    for (let after = query.after; ; ) {
      const { next, ...lists } = await this.call("get", path, { query: { ...query, after } });
      yield* Object.values(lists)[0];
      if (!next) return;
      after = next;
    }
  }
}

// segment escapes a name as one segment of a path. No URL can have the names . and .., because they are steps in the path.
function segment(name) {
  if (/^\.{0,2}$/.test(name)) throw new TypeError("the code or id cannot stand in a URL");
  return encodeURIComponent(name);
}
