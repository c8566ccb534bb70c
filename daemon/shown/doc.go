// Package shown is how keys, tasks, plans and their like are shown to operators as JSON: the one
// shape that the admin API and the command line share.
//
//	tasks.Snapshot, its history ─▶ NewKey, NewKeyDetail, NewTask, NewEvents ─┐
//	stock.Plan ──────────────▶ NewPlan                                  ├─▶ encoding/json
//	stock.Level ─────────────▶ Level                                    ┘
//
// Every field is always there, so that whoever reads it need not ask whether it is: a text or a number
// that there is none of is "" or 0, a time that is not known null. Nothing of an account is in any of
// them but the username that the provider told.
package shown
