// Package bunstore keeps keys, tasks and plans in PostgreSQL or SQLite, through bun.
//
//	Snapshots, Find, Stock  ──▶ one statement, and so are lists
//	Lease, Extend      ──▶ one statement (SQLite: one short transaction)
//	Apply              ──▶ BEGIN
//	                        1 lock keys, tasks, countries   ← in one order, so without deadlock
//	                        2 read the plans that may be needed
//	                          check and count, in Go        ← the ledger and stock.Allocator
//	                        3 recall what was refused: is it known already?
//	                        4 write
//	                       COMMIT                           ← never cancelled half way
//	Route, Collect, …  ──▶ one short transaction, if there is anything to do; a line of history is
//	                       marked to be routed only while somebody listens
//
// On Postgres BEGIN, 1 and 2 travel together, and 4 with COMMIT, which in a distributed store goes by itself, unless the pool's driver is not pgx's
// own or the transaction is the caller's. What runs all the time is planned once, so its statements leave
// the planner no choice that would be good only while tables are empty.
//
// Whatever the size of a batch, the number of statements is the same: rows travel as arrays
// (Postgres, unless there is only one) or as JSON (SQLite). Whoever changes a plan's counters holds the row of its country, so
// a claim sees every free slot there is, and no plan is oversold.
//
// A distributed store ([Options.Distributed]) is Postgres without locks on keys and tasks, whose rows may
// lie on many servers by the key's code: 1 locks countries alone and reads the rest as it is, 4 writes each
// table by compare-and-set, and is run again with all before it if others were faster; a lease chooses, and
// takes what is still so. [Store.Distribute] has Citus lay the tables out.
//
//	by the key's code   keyseat_keys, keyseat_tasks, keyseat_history
//	in one place        all others
//
// [Open] makes a [Store] of a URL, [New] one of a bun.DB that its owner shares, and [Store.In] joins
// a transaction of the owner's. All tables begin with keyseat_.
//
// On Postgres its clock decides what is due, so that any number of processes agree; on SQLite, whose
// file belongs to one serving process ([Store.Serve]), that of the process does. What such processes have
// to know of each other for a moment ([Store.CountStrangers], [Store.Attend]) is in unlogged tables, which
// are empty after a crash of the server.
package bunstore
