// Package keys is what a prepaid key is and how it lives.
//
// A [Key] buys one slot in a family plan. Its [Code] is what the holder types: [ParseTyped] reads one,
// [Issue] makes one that nobody can guess. Its [Status] and use say where it stands, its [InfoShape] how
// the answer looks when its holder asks. The package is pure: values in, values out; no clock, no
// storage.
//
//	             upgrade accepted                 renew accepted
//	active ───────────┐                        ┌───────────── success
//	failed_upgrade ───┼────▶   in_queue   ◀────┼───────────── failed
//	success_renew ────┘            │           └───────────── active (imported as used)
//	                               │
//	   unused: failed_upgrade, success_renew     used: success, failed
//
// Every arrow is a [Transition], every move a row of one table, and [Key.Apply] walks it.
package keys
