// Package csvfile reads and writes keys and plans as CSV, in constant memory.
//
//	file ─▶ New ─▶ Sheet ─▶ Keys  ─▶ a store's ImportKeys ─┐
//	                 │   └▶ Edits ─▶ a store's EditPlans ──┤ tasks.RowError
//	                 └─▶ Locate ◀──────────────────────────┘
//	                        └▶ LineError: the line to look at, and what is wrong with it
//
// The first line names the columns, in any order. It also shows the encoding, UTF-8 or UTF-16, and the
// separator, a comma, a semicolon or a tab; a line such as sep=; may stand before it. Nothing else is
// guessed: an unknown column, a cell that is not what its column holds, a control character, a code that a
// spreadsheet has changed are faults, because what slips into a store of prepaid goods is found by a
// customer. What [WriteKeys] writes, [Reader.Keys] reads back unchanged.
//
// Faults say nothing of what stands in a cell: a code in a log is a code in the wrong hands.
package csvfile
