package blackbox_test

import "testing"

// Commits that wait for a standby, and their end: what they wrote then stands on the primary alone.
const (
	awaited = `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'keyseat' AND wait_event = 'SyncRep'`
	cutOff  = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'keyseat' AND wait_event = 'SyncRep'`
	written = `SELECT count(*) FROM keyseat_tasks`
)

// TestNothingIsAcceptedWithoutStandby holds that a request is not accepted while no standby confirms it, though
// the commit that was cut off while it waited is there for all to see, and is found when it is asked
// about: it would be lost with the primary.
func TestNothingIsAcceptedWithoutStandby(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	l := newLoad(NewPostgresShop(t, p.url))
	d := l.Serve("--lease", "500ms", "--key-task-limit", "0", "--connector-timeout", "2s")
	l.maxLag, l.lostWithPrimary = MaxWait, true
	p.primary.Synchronous(t)
	l.start(d)
	l.waitAccepted(50)
	p.standby.Detach(t, p.primary)
	l.checkOn(p.primary.Host())
	l.Eventually("commits wait", func() bool { return l.Count(awaited) > 0 })
	before := l.Count(written)
	l.Eventually("what no standby has is seen", func() bool {
		p.primary.Run(t, cutOff)
		return l.Count(written) > before+10
	})
	l.Eventually("commits wait again", func() bool { return l.Count(awaited) > 0 })
	p.failOver(t)
	l.waitAccepted(10)
	l.stop()
	l.checkOn(p.primary.Host())
	l.finish()
	d.Stop()
}
