// Package shown defines the JSON for keys, tasks, plans and stock that operators see. The admin API
// and the command line share it.
//
//	tasks.Snapshot, its history ─▶ NewKey, NewKeyDetail, NewTask, NewEvents ─┐
//	stock.Plan                  ─▶ NewPlan                                   ├─▶ encoding/json
//	stock.Level                 ─▶ Level                                     ┘
//
// Every field is always present. A missing text is "", a missing number 0, and an unknown time
// null. The only account data is the username that the provider reported.
package shown
