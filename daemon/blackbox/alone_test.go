package blackbox_test

import "testing"

// Commits that wait for a standby, and their end: what they wrote then stands on the primary alone.
const (
	awaited = `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'keyseat' AND wait_event = 'SyncRep'`
	cutOff  = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'keyseat' AND wait_event = 'SyncRep'`
	written = `SELECT count(*) FROM keyseat_tasks`
)

// TestNothingIsAcceptedAlone holds that a request is not accepted while no standby confirms it, though
// the commit that was cut off while it waited is there for all to see, and is found when it is asked
// about: it would be lost with the primary.
func TestNothingIsAcceptedAlone(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	l := newLoad(onPostgres(t, p.url))
	d := l.serve("--lease", "500ms", "--key-task-limit", "0", "--connector-timeout", "2s")
	l.late, l.alone = patience, true
	p.primary.Synchronous(t)
	l.begin(d)
	l.goesOn(50)
	p.standby.Detach(t, p.primary)
	l.asks(p.primary.Host())
	l.until("commits wait", func() bool { return l.count(awaited) > 0 })
	before := l.count(written)
	l.until("what no standby has is seen", func() bool {
		p.primary.Run(t, cutOff)
		return l.count(written) > before+10
	})
	l.until("commits wait again", func() bool { return l.count(awaited) > 0 })
	p.fails(t)
	l.goesOn(10)
	l.end()
	l.asks(p.primary.Host())
	l.settled()
	d.stop()
}
