// Package memory is a store of keyseat in the memory of one process: the reference that other
// stores are compared with, and the store of tests, demos and simulations. It implements
// [tasks.Store], [tasks.Office] and [tasks.Outbox]; nothing in it survives the process.
package memory
