// Package simulation tests keyseat's core with random histories, in a world with simulated time and injected
// faults. The package contains only tests.
//
// Several daemons (the real tasks.Engine and the real worker pool) share one store in memory. Each daemon is connected
// with the store and with the provider by simulated lines. On a line, calls can be slow, and they can get lost before
// or after they have had their effect. A line can also freeze or kill its daemon:
//
//	clients ─▶ daemon ── line ─▶ auditor ─▶ memory store
//	             │  ▲ operators ────┘
//	             └── line ──▶ provider, with a ledger of its own
//
// The auditor is a wrapper of the store. At every call, it checks the invariants that hold at any moment. When all work
// has ended, the tests compare the journal of the clients, the store and the provider's ledger.
//
// A history is a value that determines what happens in a run. If a run fails, the test shrinks the history, and prints
// a seed that repeats the run.
//
//	go test ./daemon/simulation -run RandomHistories -rapid.checks=200000 -timeout 0
//
// The checks are tested too: a test plants bugs around the same core, one at a time. The checks must find each bug
// within a hundred histories.
package simulation
