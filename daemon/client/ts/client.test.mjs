// client_test.go runs these tests against a real daemon: node --test client.test.mjs
import assert from "node:assert/strict";
import { test } from "node:test";
import { Admin, Client, ProblemError } from "./index.mjs";

const { KEYSEAT_TEST_BASE: base, KEYSEAT_TEST_TOKEN: token } = process.env;
const admin = new Admin(base, token);
const client = new Client(base + "/"); // a slash at the end changes nothing

const issue = (count) => admin.call("post", "/admin/v1/keys", { header: { "Idempotency-Key": "order-1" }, body: { count, order_id: "order 1&2" } });

test("a shop sells a key, and its holder uses it", async () => {
  assert.equal(await admin.call("put", "/admin/v1/plans/{id}", { path: { id: "p1" }, body: { country: "US", slots: 2, address: "1 Main Street" } }), undefined);
  assert.deepEqual((await client.stock()).map((level) => [level.country_code, level.slots]), [["US", 2]]);
  const { codes } = await issue(5);
  assert.deepEqual((await issue(5)).codes, codes);

  const task = { key: codes[0], login: "a@example.com", pwd: "a secret & more", country: "US" };
  assert.equal((await client.upgrade(task)).status, "success");
  for (let info; info?.status !== "success"; ) {
    info = await client.info(codes[0]);
    assert.ok(["in_queue", "success"].includes(info.status));
  }
  assert.equal((await client.upgrade(task)).status, "error");
  assert.equal((await client.renew({ ...task, pwd: "short" })).status, "error");
  assert.equal((await client.info("none")).status, "not_exist");

  const entries = [];
  for await (const entry of admin.each("/admin/v1/keys", { order_id: "order 1&2", limit: 2 })) entries.push(entry);
  assert.equal(entries.length, 5);
  const some = await admin.call("get", "/admin/v1/keys", { query: { status: ["success", "failed"], used: undefined } });
  assert.equal(some.keys.length, 1);
  assert.equal((await admin.call("post", "/admin/v1/keys/{code}/revoke", { path: { code: codes[1] } })).revoked, true);
});

test("a name is one segment of a path", async () => {
  await assert.rejects(admin.call("get", "/admin/v1/keys/{code}", { path: { code: ".." } }), TypeError);
  for (const id of ["a/b", "%2F", "?x=1#"]) {
    await admin.call("put", "/admin/v1/plans/{id}", { path: { id }, body: { country: "DE", slots: 1 } });
    await admin.call("post", "/admin/v1/plans/{id}/retire", { path: { id } });
  }
  const { plans } = await admin.call("get", "/admin/v1/plans");
  assert.deepEqual(plans.map((plan) => plan.id).sort(), ["%2F", "?x=1#", "a/b", "p1"]);
});

test("a refusal is a ProblemError, and has no secret", async () => {
  const failed = (promise) => promise.then(assert.fail, (error) => error);
  const missing = await failed(admin.call("get", "/admin/v1/keys/{code}", { path: { code: "none" } }));
  assert.ok(missing instanceof ProblemError);
  assert.deepEqual([missing.status, missing.code, missing.problem.status], [404, "key_not_found", 404]);
  const stranger = await failed(new Admin(base, "another-secret-token").call("get", "/admin/v1/stock"));
  assert.equal(stranger.status, 401);
  assert.ok(!JSON.stringify([stranger, String(stranger.stack), new Admin(base, "another-secret-token")]).includes("another-secret"));
  const page = async () => new Response("<html>", { status: 503, headers: { "Retry-After": "7" } });
  const away = await failed(new Client(base, { fetch: page }).stock());
  assert.deepEqual([away.status, away.code, away.retryAfter], [503, undefined, 7]);
});

// A browser rejects a call of fetch as a method of another object with "Illegal invocation".
test("fetch is not called as a method of the client", async () => {
  const strict = function (...args) { assert.equal(this, undefined); return fetch(...args); };
  await new Client(base, { fetch: strict }).stock();
  await new Admin(base, token, { fetch: strict }).call("get", "/admin/v1/stock");
});
