// Package faultinject kills the daemon, panics or shifts the clock, for tests of the whole program.
//
// It does so only in a test build (-tags crashpoints), and else does nothing. Environment variables control it:
//
//	KEYSEAT_CRASH=end.after:3   kill the process when the fourth end of a task is durable
//	KEYSEAT_SKEW=FILE           add the duration in the file, such as -10m, to the wall clock
//
// Each name of a crash point is followed by .before or .after:
//
//	accept, shortage     a request's commit: a task that stays open, one that ends because no slot is free
//	retry, move, end     a settlement's commit: due again, continued with another plan, ended
//	edit                 a commit without a task, such as an admin action on a key
//	lease, extend, back  a lease is taken (after: only if a task was leased), extended, given back
//	send                 a call of the provider
//
// The prefix "drain." restricts a point to the time in which the daemon drains. A point that starts with
// "back" makes the daemon drain as soon as it has leased a task. The reason: a daemon gives back only the
// leases that it took shortly before a stop.
package faultinject
