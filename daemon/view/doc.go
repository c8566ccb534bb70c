// Package view defines the JSON for keys, tasks, plans and stock that operators see. The admin API,
// the console and the command line share it.
//
//	tasks.Snapshot, its history ─▶ NewKey, NewKeyDetail, NewTask, NewEvents ─┐
//	                            └▶ Explain ─▶ Explanation                    │
//	stock.Plan                  ─▶ NewPlan                                   ├─▶ encoding/json
//	stock.Level                 ─▶ Level                                     ┘
//
// Every field is always present. A missing text is "", a missing number 0, and an unknown time
// null. The only account data is the username that the provider reported.
//
// An [Explanation] is for a person who is asked "why is this key not working?". It says in words what
// the state of the key is, and what the holder or the operator can do next. Its texts are rows of
// tables. The first rule that fits explains the state of the key. A failure reason explains why the
// key's last task failed. A leftover slot is always mentioned.
//
// The package is pure. Its output is not secret, because neither a snapshot nor a history contains
// secrets.
package view
