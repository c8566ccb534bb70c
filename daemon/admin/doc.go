// Package admin serves the admin API. Its clients are the operator's programs: a shop that issues a
// key for each order, a support desk, a dashboard.
//
// [API] is a handler that mounts in any mux. It uses JSON below /admin/v1/. Each error is a problem
// of RFC 9457 with a stable [Code]. [Tokens] decide which clients may read and which may write;
// usually they come from a [TokenFile]. The package has no rules for changes: [tasks.Engine]
// decides them.
//
//	request ─▶ route ─▶ token, role ─▶ decode ─▶ tasks.Engine, tasks.AdminStore ─▶ answer or problem
//	                                                                           │
//	                                                        a line of the audit log per write
//
// Two documents in OpenAPI 3.1 describe the admin API and the public API: openapi.json and
// public-openapi.json. Both are served below /admin/v1/ without a token.
package admin
