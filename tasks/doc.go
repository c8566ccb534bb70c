// Package tasks decides what becomes of an accepted upgrade or renew.
//
// Decide, then do. Pure functions ([Rules.Accept], [Rules.Settle], …) look at a [Snapshot] of a key and
// its task and return the whole write as a value, a [Change]. A [Store] applies changes, many at
// once, each whole or not at all, and knows no rule. A [Connector] asks the provider, a [Sealer]
// keeps what is secret from every store, and a [Engine] ties them together: the four calls of the API,
// a lease and a step of work, an operator's change. Goroutines, clocks and randomness belong to its
// caller.
//
//	request ─▶ Engine.Accept ─▶ Snapshot ─▶ Rules.Accept ─▶ Change ─▶ Store     (the task is on disk)
//	           Engine.Work ◀─ Lease ◀──────────────────────────── Store
//	               │
//	               ├─▶ Connector.Do ─▶ Answer
//	               └─▶ Rules.Settle ─▶ Change ─▶ Store     (ended, or due again later)
//
// A store has other sides, which are ports of their own: an [AdminStore] for what its operator reads and
// brings in, an [Outbox] for listeners who are told what happens, an [Inspector] for a doctor, a
// [TaskStats] for those who watch, and an [Archiver] for what is over.
//
// A task is open until a change ends it. Each lease raises its fence; a write that carries an older
// one changes nothing. The task holds one slot of a plan (an upgrade) or none (a renew). What it
// holds is spent by success, given back by any other certain outcome, and suspect when an asking may
// have had an effect that nobody has seen.
package tasks
