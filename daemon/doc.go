// Package daemon serves the API of keyseat over HTTP and works on what it accepts.
//
// [API] is a handler that mounts in any mux; [Crew] is the loop that carries accepted tasks out;
// [Server] runs both on listeners of its own and stops them in order. None of them knows a database
// or a provider: a [tasks.Desk] does.
//
//	request ─▶ API ─▶ parse ─▶ tasks.Desk ─▶ answer
//	            │ wakes                │
//	            ▼                      ▼
//	          Crew ─▶ lease ─▶ tasks.Desk.Work, so many at once, leases kept alive
package daemon
