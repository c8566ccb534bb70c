// Package faultinject kills the daemon, panics or shifts the clock, for tests of the whole program.
//
// It works only in a test build (-tags crashpoints), and does nothing in any other build. These environment variables
// control it:
//
//	KEYSEAT_CRASH=end.after:3   kill the process when the fourth end of a task is durable
//	KEYSEAT_SKEW=FILE           add the duration in the file, such as -10m, to the wall clock
//
// An attempt panics if the login of its account begins with "panic".
//
// The name of a crash point is one of these steps, followed by .before or .after:
//
//	accept    the commit of a request whose task stays open
//	shortage  the commit of a request whose task ends, because no slot is free
//	retry     the commit after an attempt that leaves the task open
//	move      the commit after an attempt that continues the task with another plan
//	end       the commit that ends a task
//	edit      a commit without a task, such as an admin action on a key
//	lease     a lease of tasks; lease.after needs at least one leased task
//	extend    an extension of leases
//	back      a return of leases
//	send      a call of the provider
//
// The prefix "drain." restricts a point to the time in which the daemon drains. The points back.before and back.after
// make the daemon drain as soon as it has leased a task, because a daemon returns only leases that no worker has used.
package faultinject
