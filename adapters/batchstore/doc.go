// Package batchstore makes concurrent callers of a store share its reads and commits.
//
// What is waiting when the store becomes free goes out as one call: a batch is as large as the load
// makes it, and a lone caller goes at once, alone: one who reads, and has a deadline, in its own goroutine.
// Nobody ever waits for a batch to fill, but who is about to ask joins one that is about to go. While
// calls are quick there is one at a time; a second goes out beside one that is slow.
//
//	caller ─┐                        ┌─▶ caller
//	caller ─┼─▶ waiting ─▶ one call ─┼─▶ caller
//	caller ─┘                        └─▶ caller
//
// A batch whose outcome is not known is applied again change by change, so that one that can never
// be made does not sink its neighbours; the ids of changes make that safe. Grouped are Snapshots, Find,
// Apply and Stock; Lease and Extend, which are batches already, pass through.
package batchstore
