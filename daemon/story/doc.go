// Package story explains the state of a key in words. It is for a person who is asked "why is this
// key not working?".
//
//	tasks.Snapshot ─┐               ┌─▶ Now:  the state of the key
//	               ─┼─▶ Explain ─▶ ─┤
//	its history    ─┘               └─▶ Next: the possible next steps, for whom, with which command
//
// The words are rows of tables. The first chapter that fits explains the state of the key. An
// ending explains why the key's last task failed. A leftover slot is mentioned in any case.
//
// The package is pure. Its output is not secret, because neither a snapshot nor a history contains
// secrets.
package story
