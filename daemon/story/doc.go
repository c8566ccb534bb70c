// Package story tells how a key stands, in words for the person who is asked "why is this key not
// working?".
//
//	tasks.Snapshot  ─┐              ┌─▶ Now:  what is the matter
//	            ─┼─▶  Tell  ─▶ ─┤
//	its history ─┘              └─▶ Next: what can be done about it, by whom, with which command
//
// The words are rows of tables: the first chapter that fits tells how the key stands, an ending why
// its last task failed, and a slot that was left over is named whatever else there is to say. The
// package is pure; nothing that it tells is secret, since neither a view nor a history is.
package story
