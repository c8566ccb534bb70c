// Package shown is how keys, tasks, plans and their like are shown to operators as JSON: the one
// shape that the admin API and the command line share. Nothing of an account is in any of them.
package shown
