// Soak tries what keyseat promises at length: every promise's test with its full figure, and prints
// one table of what was tried, what was broken meanwhile, and what was found.
//
//	go -C daemon/soak run .                       every promise at its full figure: an hour or two
//	go -C daemon/soak run . --length 0.05         a twentieth of it
//	go -C daemon/soak run . --only kill,failover  some promises
//	go -C daemon/soak run . --list                what there is
//
// The tests are those of `go test ./...`, which try each promise a few times with every change; only
// the figures differ. They start the program, a PostgreSQL of their own and a fake provider as
// processes on loopback, and end them.
//
// What a failing test has left (its output, which names a seed where there is one, the journals of
// clients and provider, histories) stays in the folder that --keep names, beside the command that
// tries it again. The exit status is 0 if nothing was violated, else 1.
//
// It is a module of its own because it is a tool: nothing of it belongs to what keyseat is.
package main
