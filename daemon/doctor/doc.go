// Package doctor finds inconsistencies in a store, explains them to a person, and repairs them if
// that is safe.
//
//	Store.Records    ─▶ one code: its key, tasks, history ─▶ checks ─▶ findings ─▶ treatments ─▶ Store.Apply
//	Store.PlanAudits ─▶ one plan: counters, tasks, moves  ─▶ checks ─▶ findings ─▶ recount    ─▶ Store.FixCounters
//
// Each check is a pure function of one record or plan audit. Each of these was read at one moment,
// so a doctor may run while daemons serve. A finding is reported only after the data was read a
// second time. A page of records is in memory at a time, and an audit of every plan.
//
// A repair is written like any other write: by a change that is based on a version, with an entry
// in the history. Three sources record the place of a slot: its task, the history and the plan's
// counters. If two of them agree, the third is corrected. The doctor does not change facts that
// only a person can know, and says so.
package doctor
