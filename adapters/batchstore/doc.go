// Package batchstore makes concurrent callers of a store share its reads and commits. It is a [tasks.Store] around
// any other one:
//
//	store := batchstore.New(inner, batchstore.Options{})
//
// When the store becomes free, all queued requests go out as one call. A batch is therefore as large as the load
// makes it, and no request waits for a batch to fill. A single request goes out immediately, as a batch of one.
// A single Snapshots or Find with a deadline even runs in the goroutine of its caller.
//
//	caller ─┐                      ┌─▶ caller
//	caller ─┼─▶ queue ─▶ one call ─┼─▶ caller
//	caller ─┘                      └─▶ caller
//
// While calls are fast, one call of a kind runs at a time. If a call takes longer than 5 ms, another one may
// start, up to [Options.MaxReads] or [Options.MaxWrites].
//
// If Apply fails and the outcome of a batch is not known, each of its changes is applied again by itself.
// A change that the store can never make therefore does not fail its neighbors. The ids of changes make the
// repetition safe.
//
// The store batches Snapshots, Find, Apply and Stock. Lease and Extend go directly to the inner store, because
// they are batches already.
package batchstore
