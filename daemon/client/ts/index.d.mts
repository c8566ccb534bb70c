import type { components as AdminComponents, paths as AdminPaths } from "./admin.js";
import type { components as PublicComponents } from "./public.js";

/** The schemas of the admin API and of the public API. */
export type AdminSchemas = AdminComponents["schemas"];
export type PublicSchemas = PublicComponents["schemas"];

export type Problem = AdminSchemas["Problem"];

/** An answer with a status of 400 or more. `retryAfter` is in seconds. */
export class ProblemError extends Error {
  readonly status: number;
  readonly problem?: Problem;
  readonly code?: Problem["code"];
  readonly retryAfter?: number;
}

export interface Options {
  /** Replaces the global fetch, for tests or for a proxy. */
  fetch?: typeof globalThis.fetch;
}

/** The answers to `info`. `status` and the fields that are present tell them apart. */
export type Info = PublicSchemas["NotExist" | "ByMessage" | "ByInvite" | "ByAccount"];

/** The answers to `upgrade` and `renew`. */
export type Reply = PublicSchemas["Accepted" | "Refused" | "NotExist"];

/** Uses the public API. Each call is a POST, which keeps keys and passwords out of URLs. */
export class Client {
  constructor(base: string, options?: Options);
  info(key: string): Promise<Info>;
  upgrade(task: { key: string; login: string; pwd: string; country: string }): Promise<Reply>;
  renew(task: { key: string; login: string; pwd: string; country?: string; newemail?: string; newpwd?: string }): Promise<Reply>;
  stock(): Promise<PublicSchemas["Stock"]>;
}

export type Method = "get" | "post" | "put" | "delete";

/** The paths of the admin API that have a method. */
export type Path<M extends Method> = { [P in keyof AdminPaths]: AdminPaths[P] extends { [_ in M]: object } ? P : never }[keyof AdminPaths];

type Operation<P extends keyof AdminPaths, M extends Method> = AdminPaths[P] extends { [_ in M]: infer O } ? O : never;
type Part<O, Name extends string> = O extends { parameters: { [_ in Name]: infer T } } ? { [_ in Name]: T }
  : O extends { parameters: { [_ in Name]?: infer T } } ? { [_ in Name]?: T } : {};
type Body<O> = O extends { requestBody: { content: { "application/json": infer B } } } ? { body: B }
  : O extends { requestBody?: { content: { "application/json": infer B } } } ? { body?: B } : {};
type InPath<P extends keyof AdminPaths> = AdminPaths[P] extends { parameters: { path: infer T } } ? { path: T } : {};

/** The arguments of an operation: its parameters by place, and its body. */
export type Arguments<P extends keyof AdminPaths, M extends Method> =
  InPath<P> & Part<Operation<P, M>, "query"> & Part<Operation<P, M>, "header"> & Body<Operation<P, M>>;

type Content<R> = R extends { content: { "application/json": infer B } } ? B : undefined;

/** The body of an operation's good answer. It is undefined for 204. */
export type Answer<P extends keyof AdminPaths, M extends Method> =
  Operation<P, M> extends { responses: infer R } ? Content<R[keyof R & (200 | 201 | 204)]> : never;

/** The paths of lists, and the entries of each. */
type Entry<T> = T extends { next: unknown } ? Extract<T[Exclude<keyof T, "next">], readonly unknown[]>[number] : never;
export type ListPath = { [P in Path<"get">]: [Entry<Answer<P, "get">>] extends [never] ? never : P }[Path<"get">];

/** Uses the admin API with one token. */
export class Admin {
  constructor(base: string, token: string, options?: Options);
  /** Makes one call, such as `call("get", "/admin/v1/keys/{code}", { path: { code } })`. */
  call<M extends Method, P extends Path<M>>(
    method: M, path: P, ...args: {} extends Arguments<P, M> ? [args?: Arguments<P, M>] : [args: Arguments<P, M>]
  ): Promise<Answer<P, M>>;
  /** Yields the entries of a list, page by page. */
  each<P extends ListPath>(path: P, query?: Arguments<P, "get"> extends { query?: infer Q } ? Q : never): AsyncGenerator<Entry<Answer<P, "get">>>;
}
