// Package doctor finds what does not fit together in a store, says it to a person, and mends what can
// be mended safely.
//
//	Records ──▶ one code: its key, tasks, history ──▶ checks ──▶ findings ──▶ treatments ──▶ Store.Apply
//	Tallies ──▶ one plan: counters, tasks, moves  ──▶ checks ──▶ findings ──▶ recount    ──▶ Correct
//
// Each check is a pure function of one record or tally, each of which is of one moment, so that all of
// it may run while daemons serve; and each finding is looked at again before it is told. A page of
// records is in memory at a time, and a tally of every plan.
//
// What is mended is written as everything else is: by a change, from the version that it was decided
// from, with a line of history. A slot has three witnesses, its task, the history and the plan's
// counters, and two of them outvote the third. What only a person can know is left, and said.
package doctor
