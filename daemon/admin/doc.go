// Package admin serves keyseat to its operator's programs: a shop that issues a key for each order,
// a support desk, a dashboard.
//
// [API] is a handler that mounts in any mux. It speaks JSON below /admin/v1/, and tells every fault
// as a problem of RFC 9457 with a stable [Code]. Who may read and who may write is said by [Tokens],
// mostly those of a [TokenFile]. It changes nothing by rules of its own: a [tasks.Engine] does.
//
//	request ─▶ route ─▶ token, role ─▶ decode ─▶ tasks.Engine, tasks.AdminStore ─▶ answer or problem
//	                                                                            │
//	                                                         a line of the audit log per write
//
// Two documents in OpenAPI 3.1 describe it and the public API to programs: openapi.json and
// public-openapi.json, both served below /admin/v1/ to everybody.
package admin
