// Package httpconnector sends tasks over HTTP to a service that carries them out. The page
// daemon/docs/connector.md is for the authors of such a service.
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
// One attempt is one request. The connector repeats a request only if it is certain that the service cannot
// act on it, because no complete header was sent. This hides a restart of the service. The package tasks
// makes all other repetitions, because it alone knows the attempts, the lease and the deadline.
//
// The connector does not infer from the text of an error whether a request was sent. It uses a trace of the
// connection instead.
//
// The body holds the secrets of the account, and one header holds the token. Of all that was sent or received,
// notes and log lines hold only statuses and known outcomes. Errors of net/http do not appear in them, because
// they quote URLs and headers, and a service may echo the request.
package httpconnector
