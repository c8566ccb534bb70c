// Package keys defines prepaid keys and the transitions between their statuses.
//
// A [Key] pays for one slot in a family plan. The holder types its [Code]: [ParseTyped] reads a code, and
// [Issue] makes a key whose code cannot be guessed. The [Status] and the flag Used describe the state of
// the key. The [InfoShape] decides which fields the info response has. The package is pure: it has no
// clock and no storage, and its functions only compute values from values.
//
//	             upgrade accepted                 renew accepted
//	active ───────────┐                        ┌───────────── success
//	failed_upgrade ───┼────▶   in_queue   ◀────┼───────────── failed
//	success_renew ────┘            │           └───────────── active (imported as used)
//	                               │ the task ends
//	                               ▼
//	   unused: failed_upgrade, success_renew     used: success, failed
//
// Every arrow stands for one or more of the [Transitions]. The picture omits [Reset], which makes a key of any
// status active and unused. One table has a row for each transition, and [Key.Apply] makes one.
package keys
