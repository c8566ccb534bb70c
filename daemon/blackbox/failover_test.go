package blackbox_test

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// A haPair is a primary and its hot standby, which change places.
type haPair struct {
	primary, standby *pgtest.Cluster
	url              string // names both
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

// checkOn leads those who look at the end to the server that is the primary by then.
func (l *load) checkOn(host string) {
	one, _ := url.Parse(l.Database) // the daemons have understood it
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

// rebuild makes a new standby of what was the primary, for which commits then wait.
func (p *haPair) rebuild(t *testing.T) {
	t.Helper()
	p.standby.Follow(t, p.primary)
	p.primary.Synchronous(t)
}

const (
	maxReconnect = 5 * time.Second // how quickly requests are accepted again once a server takes writes
	maxNotReady  = 2 * time.Second // how quickly /readyz tells that there is none
)

// TestFailover holds that with a synchronous standby nothing that was accepted is lost when the primary
// dies, and that the daemons find the promoted one by themselves. In the end the primary is not killed
// but told to take no more writes, which breaks no connection.
func TestFailover(t *testing.T) {
	t.Parallel()
	failovers := Scaled(1, 50)
	p := newPair(t)
	l := newLoadFor(NewPostgresShop(t, p.url), acceptedBetweenFaults*failovers)
	l.maxLag = MaxWait
	all := l.ServeAll(2, "--lease", "500ms", "--key-task-limit", "0", "--connector-timeout", "2s")
	p.primary.Synchronous(t)
	l.start(all...)
	var longest, ours time.Duration
	for range failovers {
		l.waitAccepted(acceptedBetweenFaults)
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond) // because it may die anywhere
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
	Report(t, failovers+1, failovers+1, "acked", f.accepted, "unanswered", f.unanswered, "lost", f.lost, "away", longest, "after_promotion", ours)
}

// switchOver makes the primary read-only and promotes the standby, and says how long requests were
// refused after that.
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

// TestFailoverCheckerFindsLoss holds that the loss of what was accepted does not go unnoticed: the standby of
// an asynchronous primary has not received the last of it.
func TestFailoverCheckerFindsLoss(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	l := newLoad(NewPostgresShop(t, p.url))
	l.MayRepeat = true
	l.start(l.Serve("--lease", "500ms", "--key-task-limit", "0", "--connector-timeout", "2s"))
	l.waitAccepted(20)
	p.standby.Detach(t, p.primary)
	l.waitAccepted(20)
	p.failOver(t)
	l.waitAccepted(10)
	l.stop()
	l.checkOn(p.primary.Host())
	l.Eventually("every task ends", func() bool { return l.Count(OpenTasks) == 0 })
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
