package faults_test

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// A haPair is a primary and its hot standby, which change places.
type haPair struct {
	primary, standby *pgtest.Cluster
	url              string // the URL of the database, with the addresses of both servers
}

func newPair(t *testing.T) *haPair {
	t.Helper()
	primary := pgtest.Start(t, pgtest.Options{})
	p := &haPair{primary: primary, standby: primary.Standby(t)}
	one, err := url.Parse(primary.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	one.Host += "," + p.standby.Host()
	one.RawQuery += "&target_session_attrs=read-write"
	p.url = one.String()
	return p
}

// checkOn makes the checker read from another server.
func (l *load) checkOn(host string) {
	one, _ := url.Parse(l.Database) // the daemons have parsed it
	one.Host, one.RawQuery = host, "sslmode=disable"
	l.Database = one.String()
	l.sources.database = l.Database
}

// failOver kills the primary and promotes the standby.
func (p *haPair) failOver(t *testing.T) {
	t.Helper()
	p.primary.Kill(t)
	p.standby.Promote(t)
	p.primary, p.standby = p.standby, p.primary
}

// rebuild turns the old primary into a standby. Commits then wait for this standby.
func (p *haPair) rebuild(t *testing.T) {
	t.Helper()
	p.standby.Follow(t, p.primary)
	p.primary.Synchronous(t)
}

const (
	maxReconnect = 5 * time.Second // the time until requests are accepted, after a server accepts writes
	maxNotReady  = 2 * time.Second // the time until /readyz reports that no server accepts writes
)

// TestFailover kills the primary of a synchronous standby. No accepted task is lost, and the daemons find the promoted
// server by themselves. In the last round, the primary becomes read-only instead, which closes no connection.
func TestFailover(t *testing.T) {
	t.Parallel()
	failovers := harness.Scaled(1, 50)
	p := newPair(t)
	l := newLoadFor(harness.NewPostgresShop(t, p.url), acceptedBetweenFaults*failovers)
	l.maxLag = harness.MaxWait
	all := l.ServeAll(2, "--lease", "500ms", "--key-task-limit", "0", "--connector-timeout", "2s")
	p.primary.Synchronous(t)
	l.start(all...)
	var longest, ours time.Duration
	for range failovers {
		l.waitAccepted(acceptedBetweenFaults)
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond) // so that the process dies at any moment
		start := time.Now()
		p.failOver(t)
		promoted := time.Now()
		l.waitAccepted(1)
		longest, ours = max(longest, time.Since(start)), max(ours, time.Since(promoted))
		p.rebuild(t)
	}
	l.waitAccepted(acceptedBetweenFaults)
	ours = max(ours, l.switchOver(p))
	l.waitAccepted(acceptedBetweenFaults)
	l.stop()
	l.checkOn(p.primary.Host())
	f := l.finish()
	for _, d := range all {
		d.Stop()
	}
	if ours > maxReconnect {
		t.Errorf("it took %s to find a server that takes writes", ours)
	}
	harness.Report(t, failovers+1, failovers+1, "acked", f.accepted, "unanswered", f.unanswered, "lost", f.lost, "away", longest, "after_promotion", ours)
}

// switchOver makes the primary read-only and promotes the standby. It returns the time for which requests were then
// refused.
func (l *load) switchOver(p *haPair) time.Duration {
	l.Helper()
	p.primary.Run(l, "ALTER SYSTEM SET default_transaction_read_only = on")
	p.primary.Run(l, "SELECT pg_reload_conf()")
	for _, d := range *l.serving.Load() {
		l.Eventually("it is not ready", func() bool { return d.ReadyStatus() == http.StatusServiceUnavailable })
	}
	p.primary.CaughtUp(l, p.standby)
	p.standby.Promote(l)
	p.primary, p.standby = p.standby, p.primary
	start := time.Now()
	l.waitAccepted(1)
	took := time.Since(start)
	for _, d := range *l.serving.Load() {
		l.Eventually("it is ready", func() bool { return d.ReadyStatus() == http.StatusOK })
	}
	return took
}

// TestFailoverCheckerFindsLoss checks that the checker finds lost requests. The standby of an asynchronous primary
// lacks the last requests.
func TestFailoverCheckerFindsLoss(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	l := newLoad(harness.NewPostgresShop(t, p.url))
	l.MayRepeat = true
	l.start(l.Serve("--lease", "500ms", "--key-task-limit", "0", "--connector-timeout", "2s"))
	l.waitAccepted(20)
	p.standby.Detach(t, p.primary)
	l.waitAccepted(20)
	p.failOver(t)
	l.waitAccepted(10)
	l.stop()
	l.checkOn(p.primary.Host())
	l.Eventually("every task ends", func() bool { return l.Count(harness.OpenTasks) == 0 })
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	e, err := l.sources.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lost := e.totals().lost
	if lost == 0 || e.check() == nil {
		t.Fatalf("20 accepted requests or more were lost, and %d were noticed", lost)
	}
	t.Logf("%d accepted requests were lost, as was noticed", lost)
}

// Commits that wait for a standby, and a statement that ends the wait. Then only the primary has their writes.
const (
	awaited = `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'keyseat' AND wait_event = 'SyncRep'`
	cutOff  = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'keyseat' AND wait_event = 'SyncRep'`
	written = `SELECT count(*) FROM keyseat_tasks`
)

// TestNothingIsAcceptedWithoutStandby checks that a request is not accepted while no standby confirms its commit. The
// commit may be visible on the primary, but would be lost with the primary.
func TestNothingIsAcceptedWithoutStandby(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	l := newLoad(harness.NewPostgresShop(t, p.url))
	d := l.Serve("--lease", "500ms", "--key-task-limit", "0", "--connector-timeout", "2s")
	l.maxLag, l.lostWithPrimary = harness.MaxWait, true
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
