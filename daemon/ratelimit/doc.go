// Package ratelimit limits how many wrong keys or tokens a client may try.
//
// A [Limiter] counts wrong attempts per client address in windows of one minute. An address over the
// limit is blocked until its window ends. An IPv6 client counts with its whole /64 network.
//
//	request ─▶ Blocked ─▶ look up the key ─▶ not found: Record
//	              │                                       │
//	              ▼ over the limit                        ▼ over the limit
//	             429                                     429
//
// A Limiter counts for its own process. With a [SharedCounter], which a store implements, all daemons
// of a database count together:
//
//	Record ─┐                          ┌─▶ total of all daemons
//	Record ─┼─▶ batch ─▶ one statement ─┼─▶ total of all daemons
//	Record ─┘                          └─▶ total of all daemons
//
// If the shared counter is slow or fails, each daemon allows its share of the limit. From
// heartbeats each daemon knows how many daemons there are.
package ratelimit
