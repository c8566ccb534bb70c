// Package simulation tests keyseat's core with random histories, in a world with simulated time and injected
// faults. The package contains only tests.
//
// Several daemons (the real tasks.Engine and the real worker pool) share one store in memory. A simulated
// line connects each daemon with the store and with the provider. On a line, calls can be slow, and they can
// get lost before or after they have had their effect. A line can also freeze or kill its daemon:
//
//	clients ─▶ daemon ── line ─▶ auditor ─▶ memory store
//	             │  ▲ operators ────┘
//	             └── line ──▶ provider, with a ledger of its own
//
// The auditor checks at every call the invariants that hold at any moment. When all work has ended, the tests
// compare the journal of the clients, the store and the provider's ledger.
//
// Each run is generated from a history, which is a value. If a run fails, its history is shrunk. The test
// prints a seed that replays it.
//
//	go test ./daemon/simulation -run RandomHistories -rapid.checks=200000 -timeout 0
//
// The checker is tested too: the tests plant bugs around the same core, one at a time. The checker must detect
// each bug within a hundred histories.
package simulation
