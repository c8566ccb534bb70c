// Soak tests keyseat's promises at length. It runs the test of every promise at full length. It prints
// one table with the trials, the faults that were injected, and the violations that were found.
//
//	go -C daemon/soak run .                       every promise at full length: an hour or two
//	go -C daemon/soak run . --length 0.05         a twentieth of it
//	go -C daemon/soak run . --only kill,failover  some promises
//	go -C daemon/soak run . --list                lists the promises
//
// The tests are those of `go test ./...`, which test each promise a few times with every change. Only
// the numbers of trials differ. The tests start the program, their own PostgreSQL and a fake provider as
// processes on loopback, and end them.
//
// The files of a failing test stay in the folder that --keep names. They are its output, the journals of
// clients and provider, and histories. If the test has a seed, the output names it. Soak prints the command
// that runs the test again. The exit status is 0 if no promise was violated, else 1.
//
// Soak is a module of its own because it is a tool, and not a part of keyseat.
package main
