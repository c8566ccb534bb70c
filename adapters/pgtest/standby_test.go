package pgtest_test

import (
	"testing"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// TestAFailoverAndBack promotes a standby, makes the old primary follow it, and then promotes the old primary.
func TestAFailoverAndBack(t *testing.T) {
	primary := pgtest.Start(t, pgtest.Options{})
	standby := primary.Standby(t)
	for _, table := range []string{"one", "two"} {
		primary.Synchronous(t)
		primary.Run(t, "CREATE TABLE "+table+" ()")
		primary.Kill(t)
		standby.Promote(t)
		standby.Run(t, "CREATE TABLE more_"+table+" ()")
		primary.Follow(t, standby)
		primary, standby = standby, primary
	}
	for _, table := range []string{"one", "two", "more_one", "more_two"} {
		primary.Run(t, "SELECT FROM "+table)
	}
}
