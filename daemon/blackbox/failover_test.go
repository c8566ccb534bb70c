package blackbox_test

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// A pair is a primary and its hot standby, which change places.
type pair struct {
	primary, standby *pgtest.Cluster
	url              string // names both
}

func newPair(t *testing.T) *pair {
	t.Helper()
	primary := pgtest.Start(t, pgtest.Options{})
	p := &pair{primary: primary, standby: primary.Standby(t)}
	one, err := url.Parse(primary.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	one.Host += "," + p.standby.Host()
	one.RawQuery += "&target_session_attrs=read-write"
	p.url = one.String()
	return p
}

// asks leads those who look at the end to the server that is the primary by then.
func (l *load) asks(host string) {
	one, _ := url.Parse(l.database) // the daemons have understood it
	one.Host, one.RawQuery = host, "sslmode=disable"
	l.database = one.String()
	l.from.database = l.database
}

// fails kills the primary and promotes the standby.
func (p *pair) fails(t *testing.T) {
	t.Helper()
	p.primary.Kill(t)
	p.standby.Promote(t)
	p.primary, p.standby = p.standby, p.primary
}

// rebuild makes a new standby of what was the primary, for which commits then wait.
func (p *pair) rebuild(t *testing.T) {
	t.Helper()
	p.standby.Follow(t, p.primary)
	p.primary.Synchronous(t)
}

const (
	rejoined = 5 * time.Second // how quickly requests are accepted again once a server takes writes
	truth    = 2 * time.Second // how quickly /readyz tells that there is none
)

// TestFailover holds that with a synchronous standby nothing that was accepted is lost when the primary
// dies, and that the daemons find the promoted one by themselves. In the end the primary is not killed
// but told to take no more writes, which breaks no connection.
func TestFailover(t *testing.T) {
	t.Parallel()
	failovers := figure(1, 50)
	p := newPair(t)
	l := loadOf(onPostgres(t, p.url), between*failovers)
	l.late = patience
	all := l.daemons(2, "--lease", "500ms", "--key-task-limit", "0", "--connector-timeout", "2s")
	p.primary.Synchronous(t)
	l.begin(all...)
	var longest, ours time.Duration
	for range failovers {
		l.goesOn(between)
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond) // because it may die anywhere
		start := time.Now()
		p.fails(t)
		promoted := time.Now()
		l.goesOn(1)
		longest, ours = max(longest, time.Since(start)), max(ours, time.Since(promoted))
		p.rebuild(t)
	}
	l.goesOn(between)
	ours = max(ours, l.switchesOver(p))
	l.goesOn(between)
	l.end()
	l.asks(p.primary.Host())
	f := l.settled()
	for _, d := range all {
		d.stop()
	}
	if ours > rejoined {
		t.Errorf("it took %s to find a server that takes writes", ours)
	}
	tried(t, failovers+1, failovers+1, "acked", f.acked, "unanswered", f.unanswered, "lost", f.lost, "away", longest, "after_promotion", ours)
}

// switchesOver makes the primary read-only and promotes the standby, and says how long requests were
// refused after that.
func (l *load) switchesOver(p *pair) time.Duration {
	l.Helper()
	p.primary.Run(l, "ALTER SYSTEM SET default_transaction_read_only = on")
	p.primary.Run(l, "SELECT pg_reload_conf()")
	for _, d := range *l.serving.Load() {
		l.until("it is not ready", func() bool { return d.ready() == http.StatusServiceUnavailable })
	}
	p.primary.CaughtUp(l, p.standby)
	p.standby.Promote(l)
	p.primary, p.standby = p.standby, p.primary
	start := time.Now()
	l.goesOn(1)
	took := time.Since(start)
	for _, d := range *l.serving.Load() {
		l.until("it is ready", func() bool { return d.ready() == http.StatusOK })
	}
	return took
}

// TestFailoverControl holds that the loss of what was accepted does not go unnoticed: the standby of
// an asynchronous primary has not received the last of it.
func TestFailoverControl(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	l := newLoad(onPostgres(t, p.url))
	l.misled = true
	l.begin(l.serve("--lease", "500ms", "--key-task-limit", "0", "--connector-timeout", "2s"))
	l.goesOn(20)
	p.standby.Detach(t, p.primary)
	l.goesOn(20)
	p.fails(t)
	l.goesOn(10)
	l.end()
	l.asks(p.primary.Host())
	l.until("every task ends", func() bool { return l.count(openTasks) == 0 })
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	e, err := l.from.hear(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lost := e.totals().lost
	if lost == 0 || e.check() == nil {
		t.Fatalf("20 accepted requests or more were lost, and %d were noticed", lost)
	}
	t.Logf("%d accepted requests were lost, as was noticed", lost)
}
