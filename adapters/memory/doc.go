// Package memory is a store of keyseat in the memory of one process. Other stores are compared with it, and
// tests, demos and simulations run on it.
//
// The store implements every port of a store: [tasks.Store], [tasks.LoginCounter], [adminstore.AdminStore],
// [outbox.Outbox], [audit.Inspector], [archive.Archiver], [stats.TaskStats] and [activity.Store]. It is the plainest code that keeps their
// contracts: maps under one lock.
//
// Nothing in the store survives the process. Lists and leases take time proportional to the number of
// stored tasks and keys, because they scan all of them.
package memory
