// `npm run check` compiles this file, which uses each kind of call. It must not compile without the marked errors.
import { Admin, Client, ProblemError } from "./index.mjs";

export async function example(client: Client, admin: Admin): Promise<string[]> {
  const issued = await admin.call("post", "/admin/v1/keys", { header: { "Idempotency-Key": "order-1" }, body: { count: 1, order_id: "order-1" } });
  const key: string = issued.codes[0]!;
  await admin.call("put", "/admin/v1/plans/{id}", { path: { id: "p1" }, body: { country: "US", slots: 2 } }) satisfies undefined;
  const reply = await client.upgrade({ key, login: "a@example.com", pwd: "secret", country: "US" });
  if (reply.status !== "success") return [reply.message];
  const info = await client.info(key);
  if (info.status === "not_exist") return [];
  const codes: string[] = [];
  for await (const entry of admin.each("/admin/v1/keys", { order_id: "order-1", status: ["in_queue", "success"] })) codes.push(entry.status);
  await admin.call("get", "/admin/v1/stock").then(({ stock }) => stock.map((level) => level.free satisfies number));
  // @ts-expect-error: no such path
  await admin.call("get", "/admin/v1/nothing");
  // @ts-expect-error: the path lacks its code
  await admin.call("post", "/admin/v1/keys/{code}/revoke");
  // @ts-expect-error: no such status
  for await (const _ of admin.each("/admin/v1/keys", { status: ["lost"] }));
  return [...codes, await admin.call("get", "/admin/v1/keys/{code}", { path: { code: "none" } }).then(() => "", (e: ProblemError) => e.code ?? "")];
}
