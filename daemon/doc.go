// Package daemon serves the API of keyseat over HTTP and works on what it accepts.
//
// [API] is a handler that mounts in any mux; [Crew] is the loop that carries accepted tasks out;
// [Server] runs both on listeners of its own and stops them in order. None of them knows a database
// or a provider: a [tasks.Engine], which [NewEngine] makes of both, does.
//
//	request ─▶ API ─▶ parse ─▶ tasks.Engine ─▶ answer
//	            │ wakes                │
//	            ▼                      ▼
//	          Crew ─▶ lease ─▶ tasks.Engine.Work, so many at once, leases kept alive
//
// What surrounds them is in packages of its own: the operator's API (admin) and console, the page for
// key holders, webhooks, metrics, a Go client, and the program itself (keyseatd).
package daemon
