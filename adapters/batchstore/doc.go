// Package batchstore makes concurrent callers of a store share its reads and commits.
//
// When the store becomes free, all requests that wait go out as one call. A batch is therefore as large
// as the load makes it. No request ever waits for a batch to fill. Before a batch goes out, goroutines
// that are ready to run can add requests to it. A single request goes out immediately, as a batch of one. A
// single read with a deadline runs in the goroutine of its caller.
//
// While calls are quick, one call of a kind runs at a time. If a call is slow, another one may start before it
// has ended, up to [Options.Reads] or [Options.Writes].
//
//	caller ─┐                        ┌─▶ caller
//	caller ─┼─▶ waiting ─▶ one call ─┼─▶ caller
//	caller ─┘                        └─▶ caller
//
// If Apply fails and the outcome of a batch is not known, each of its changes is applied again by itself.
// A change that the store can never make therefore does not fail its neighbors. The ids of changes make the
// repetition safe.
//
// The store batches Snapshots, Find, Apply and Stock. Lease and Extend go directly to the inner store, because
// they are batches already.
package batchstore
