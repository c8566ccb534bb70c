// Command bench measures keyseatd beside what could stand in its place, and prints one Markdown table:
//
//	go -C daemon/bench run .                 # everything, some twenty minutes
//	go -C daemon/bench run . --only 1,2,3    # some rows
//	go -C daemon/bench run . --quick         # does it still work? the figures mean little
//	go -C daemon/bench run . --growth N      # instead: what N keys cost beside 100,000
//
// It starts all it needs and nothing is left behind: a PostgreSQL that is told to be durable,
// keyseatd as it is built from this checkout, a provider that carries tasks out at once, and the peers,
// each a process of its own. Peers are the least that could answer the same calls from the same
// tables, written as well as they can be in a few lines, and River for what it does.
//
//	          ┌─ keyseatd ──┬─▶ provider (answers at once, or never)
//	load ─────┤             │
//	(1, 32,   ├─ bare ──────┼─▶ PostgreSQL, fsync and synchronous_commit on
//	256 conns)│             │
//	          └─ no database┘      copy, river ─▶
//
// The sides are measured in turn, each from the same contents and with nothing else running, in the
// other order every round; a ratio is the median of the rounds' ratios. Throughput is that of a closed
// loop. Latency under a given load is that of an open loop: it counts from the moment at which a
// request was due to be sent, whether or not there was a connection to send it on. Every answer is
// looked at, and what was accepted is counted in the database afterwards: a side that answers wrongly
// ends the run.
package main
