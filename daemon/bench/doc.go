// Command bench compares keyseatd with possible replacements, and prints one Markdown table:
//
//	go -C daemon/bench run .                 # everything, about three quarters of an hour
//	go -C daemon/bench run . --only 1,2,3    # some rows
//	go -C daemon/bench run . --quick         # a short test that everything works
//	go -C daemon/bench run . --growth N      # instead: the cost of N keys, compared with 100,000
//
// It starts all programs that it needs, and leaves nothing behind. They are a PostgreSQL with durable
// settings, keyseatd built from this checkout, a provider, and the peers, each a process of its own. The
// provider carries out tasks immediately. A peer is a minimal program that answers the same calls from the
// same tables. It is as fast as a few lines can be. For upgrades there is a second one, the program that one would
// write first. It has small tables of its own, no history and no encryption. The tables of both have only the indexes
// that their program needs. River is the peer for carrying out tasks.
//
// The column "limit" has the ratio of a program that does the least. It is a handler without a database. On one
// connection, where no requests can share a statement or a COMMIT, it makes one query for an info, and one INSERT for
// an upgrade.
//
//	          ┌─ keyseatd ──┬─▶ provider (answers immediately, or never)
//	load ─────┤             │
//	(1, 32,   ├─ bare peer ─┴─▶ PostgreSQL, with fsync and synchronous_commit
//	256 conns)│                     ▲
//	          └─ constant peer      └── COPY, River
//
// Bench measures the programs in turn, with the same data and nothing else running. Each round reverses
// their order. A ratio is the median of the rounds' ratios.
//
// Throughput is measured in a closed loop. Latency under a given load is measured in an open loop. It counts
// from the time at which a request was due, even if no connection was free to send it.
//
// The program checks every response. Afterwards it counts the accepted requests in the database. A wrong
// response ends the run.
package main
