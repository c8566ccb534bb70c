// Package daemon serves the API of keyseat over HTTP and works on the accepted tasks.
//
//   - [API] is a handler that mounts in any mux.
//   - [worker.Pool] is the worker pool that carries out accepted tasks.
//   - [Server] runs both on its own listeners and stops them in order.
//
// The package worker has the pool that carries out accepted tasks. None of these depends on a particular
// database or provider, because they use a [tasks.Engine].
// [NewEngine] combines a store and a connector into an engine.
//
//	request ─▶ API ─▶ parse ─▶ Engine.Accept ─▶ Store       (the task is stored)
//	            │                                 │
//	            │ wakes                           │ due tasks
//	            ▼                                 ▼
//	       worker.Pool ─▶ poll ─────────▶ Engine.Lease
//	                                              │
//	            up to Workers simultaneously:     ▼
//	                                      Engine.Call   ─▶ Connector ─▶ provider
//	                                              │ result
//	            up to 2×Workers in progress:      ▼
//	                                      Engine.Settle ─▶ Store
//
// Heartbeats extend the leases until a task is settled.
//
// Other packages contain the admin API (admin), the console, the page for key holders, webhooks,
// metrics, a Go client, and the program itself (keyseatd).
package daemon
