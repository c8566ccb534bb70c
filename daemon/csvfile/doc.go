// Package csvfile reads and writes keys and plans as CSV, in constant memory.
//
//	file ─▶ New ─▶ Reader ─▶ Keys  ─▶ a store's ImportKeys ─┐
//	                 │    └▶ Plans ─▶ a store's EditPlans ──┤ adminstore.RowError
//	                 └─▶ LineOf ◀───────────────────────────┘
//	                        └▶ LineError: the line of the invalid row, and its error
//
// The first line names the columns, in any order. It also determines the encoding and the separator. The
// encoding is UTF-8 or UTF-16, the separator a comma, a semicolon or a tab. A line such as
// "sep=;" may precede the first line.
//
// The package does not guess anything else. An unknown column, a cell with an invalid value, a control
// character, and a code that a spreadsheet has changed are errors. The reason: if a wrong value gets into a
// store of prepaid goods, a customer finds it.
//
// [Reader.Keys] reads the keys that [WriteKeys] has written without any change.
//
// Errors never quote a cell, because anybody with access to the log could then use the code.
package csvfile
