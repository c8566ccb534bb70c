// Package daemon serves the API of keyseat over HTTP.
//
//   - [API] is a handler that mounts in any mux.
//   - [Server] runs the API and a worker pool on its own listeners, and stops them in order.
//   - [NewEngine] combines a store and a connector into the engine that both use.
//
// A request takes this way:
//
//	Server ─▶ connlimit ─▶ API ─▶ parse ─▶ ratelimit ─▶ Engine.Accept ─▶ Store
//	                        │                           Engine.Info
//	                        │ stock: stock cache ─────▶ Engine.Stock
//	                        │
//	                        └─ wakes after Accept ─▶ worker.Pool
//
// The packages below have the parts, and depend on nothing of this package:
//
//   - worker has the pool that carries out accepted tasks.
//   - ratelimit limits the unknown keys of a client, and connlimit the connections of a server.
//   - loglimit limits log lines that repeat.
//
// Other packages have the admin API (admin), the console, the page for key holders (holderpage),
// webhooks, metrics, a Go client, and the program itself (keyseatd).
package daemon
