// Package simulation runs keyseat's core through random histories in a world of its own, in which time
// is simulated and everything breaks. It has tests and nothing else.
//
// Several daemons (the desk and the crew, as they are) share one store in memory. Between them and
// the store, and between them and the provider, stands a line on which calls are slow, get lost before
// or after they have had their effect, and on which a daemon freezes or dies:
//
//	clients ─▶ daemon ── line ──▶ audit ─▶ memory store
//	             │  ▲ operators ────┘
//	             └── line ──▶ provider, with a ledger of its own
//
// The audit holds every call to what must be true at any moment. Once all is quiet the journal of the
// clients, the store and the provider's ledger are compared. Each run is made from a history, which is
// a value: a failing one is shrunk, and replayed by the seed that is printed with it.
//
//	go test ./daemon/simulation -run NothingBreaks -rapid.checks=200000 -timeout 0
//
// A checker is worth what it catches: bugs are planted, one at a time, round the same core, and each
// must be caught within a hundred histories.
package simulation
