// Package memory is a store of keyseat in the memory of one process: the reference that other
// stores are compared with, and the store of tests, demos and simulations. It is every port of a store
// ([tasks.Store], [tasks.AdminStore], [tasks.Outbox], [tasks.Inspector], [tasks.TaskStats]) in the plainest
// code that keeps their contracts: maps under one lock. Nothing in it survives the process, and its
// lists and leases look at everything that it holds.
package memory
