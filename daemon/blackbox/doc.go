// Package blackbox describes the tests that use the real program, from outside. It has no code.
//
// The tests build keyseatd and use it as operators and clients do: by its command line, over HTTP, and with signals.
// Most of them run on SQLite and on PostgreSQL. On the other side of the connector is a provider that keeps its own
// ledger, and misbehaves as the logins say.
//
//	operator ──▶ keyseatd keys, plans, tasks … ──────▶ ┌──────────┐
//	                                                   │ database │
//	client ──HTTP──▶ keyseatd serve (one or more) ───▶ └──────────┘
//	                      │
//	                      └──HTTP──▶ provider ──▶ its ledger
//
// Apart from the Go clients, the tests call none of the program's packages. They import the others only for types and
// constants. So a promise counts as kept only if the whole program keeps it.
//
//   - harness builds and runs the program, its databases, its clients and the browser. The other packages use it.
//   - api has the tests of what holders, shops and the provider see: the API, the clients, the page and the connector.
//   - operator has the tests of what an operator uses: commands, settings, the console, webhooks, logs and metrics.
//   - faults has the tests in which something breaks, under load, and the checker that compares the journals.
//   - linear tests that clients see one state, whatever breaks.
//   - attacks has the tests with attackers, and those that look for secrets.
//
// A flag lengthens the tests of promises that hold when things break. daemon/soak sets it:
//
//	go test ./daemon/blackbox/faults -run KilledDaemons -timeout 0 -args -scale 0.1
//
// The index in README.md names the tests of each promise.
package blackbox
