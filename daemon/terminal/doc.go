// Package terminal prints what a command has to show: lists, text and progress.
//
// A list is a table for people, or a JSON array for programs. Its first rows are printed before the last one is
// read, so a list may be larger than the memory. A table on a terminal fits the width of the
// terminal. A table that goes to a pipe or a file has all columns in full:
//
//	PrintList(w, format, Layout[Task]{"ID CODE~ DUE?", cells}, tasks)
//	                                   │  │     └ hidden if the terminal is too narrow
//	                                   │  └ truncated if the terminal is too narrow
//	                                   └ always in full, if possible
//
// Stored text may have been typed by anyone. Tables replace control characters; for other output,
// [Printable] does it.
package terminal
