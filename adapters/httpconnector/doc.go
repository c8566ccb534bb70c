// Package httpconnector asks a service over HTTP to carry tasks out.
//
//	POST <base>/upgrade, <base>/renew        Idempotency-Key: <task id>-<n>    Keyseat-Attempt: <k>
//	{"task_id":"…","kind":"upgrade","country":"US","account":{"login":"…","password":"…"},
//	 "plan":{"id":"…","address":"…","invite":"…"}}
//
//	  │
//	  ├─ never sent ───────────────────────── None      (refused, no such host, TLS failure)
//	  ├─ 200 with an outcome ──────────────── Settled
//	  ├─ 202 ──────────────────────────────── Pending
//	  ├─ 401, 403, 404, 408, 429 ──────────── None
//	  ├─ any other 4xx ────────────────────── Refused
//	  └─ anything else ────────────────────── Unknown   (5xx, a redirect, time-out, cut, unreadable)
//
// One asking is one request. It is repeated here only while it is certain that no byte of a request
// that could be acted on has left, which hides a service that restarts; all else is repeated by the
// task layer, which alone knows the attempts, the lease and the deadline. What was sent is never
// guessed from an error's text: a trace of the connection tells.
//
// Secrets travel in the body, and in one header the token. Neither an answer's note nor a log line
// holds anything that was sent or received but a status and a known outcome, since errors of net/http
// quote URLs and headers and a service may echo what it was sent.
package httpconnector
