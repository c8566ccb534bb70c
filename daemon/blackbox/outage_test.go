package blackbox_test

import (
	"context"
	"database/sql"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// TestDatabaseOutage holds that while Postgres is dead every call is answered in time, and that
// the same daemon serves again when it is back.
func TestDatabaseOutage(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t, pgtest.Options{Durable: true})
	s := NewPostgresShop(t, cluster.URL(t))
	s.AddKeys("K", "L")
	s.ImportPlans("p,US,5,,")
	d := s.Serve("--lease", "2s")
	d.MustAccept(Upgrade("K", "slow=1000+success@example.com", "US"))
	for range 3 {
		cluster.Kill(t)
		for _, query := range []string{"info=K", "stock", "info=nobody", Upgrade("L", "wrong_address@example.com", "US")} {
			start := time.Now()
			a := d.Get(query)
			d.Expect(a, 503, Unavailable)
			if took := time.Since(start); took > 5*time.Second || a.Header.Get("Retry-After") == "" {
				t.Errorf("after %s, Retry-After %q", took, a.Header.Get("Retry-After"))
			}
		}
		d.Expect(d.Get("info="), 200, NotExist)
		d.ExpectStatus([]Request{{"GET", "/API/", "", nil, 400}})
		if code := d.ReadyStatus(); code != 503 {
			t.Errorf("readyz: %d", code)
		}
		if r := s.Exec("check", "--url", d.AdminURL); r.Code != 1 || !strings.Contains(r.Err, "/readyz answers 503: the database cannot be used: cannot reach PostgreSQL at ") || !strings.HasSuffix(r.Err, ": connection refused\n") {
			t.Errorf("check: %+v", r)
		}
		cluster.Restart(t)
		start := time.Now()
		s.Eventually("it is ready", func() bool { return d.ReadyStatus() == 200 })
		if r := s.Exec("check", "--url", d.AdminURL); r.Code != 0 || r.Out != "ready\n" {
			t.Errorf("check: %+v", r)
		}
		if a := d.Get("stock"); a.Code != 200 {
			t.Errorf("stock: %d %s", a.Code, a.Body)
		}
		t.Logf("served again %s after the database", time.Since(start))
		d.WaitEnd("K")
		d.MustAccept(Upgrade("L", "wrong_address@example.com", "US"))
		d.ExpectEnd("L", "failed_upgrade", Messages["wrong_address"])
	}
	d.ExpectEnd("K", "success", "")
	s.CheckProvider()
	d.Stop()
}

// TestKilledPostmaster holds that the death of the database's server, all of it, loses nothing that
// was accepted, and that the same daemons serve again as soon as it is back.
func TestKilledPostmaster(t *testing.T) {
	t.Parallel()
	newOutage(t, Scaled(5, 200)).run(func(o *outage) {
		o.cluster.Kill(t)
		o.cluster.Restart(t)
	})
}

// TestKilledBackends holds the same of one backend of a daemon's, at whose death the server ends all
// the others and starts again.
func TestKilledBackends(t *testing.T) {
	t.Parallel()
	newOutage(t, Scaled(5, 200)).run((*outage).killBackend)
}

// An outage is daemons at work on a server that dies again and again.
type outage struct {
	*load
	cluster *pgtest.Cluster
	daemons []*Daemon
	times   int
	slowest time.Duration // from when the server was back to the first success
}

func newOutage(t *testing.T, times int) *outage {
	cluster := pgtest.Start(t, pgtest.Options{Durable: true})
	s := NewPostgresShop(t, cluster.URL(t))
	o := &outage{load: newLoadFor(s, 20*times), cluster: cluster, times: times}
	o.maxLag, o.load.maxTaskTime = 20*time.Second, 5*time.Minute
	o.daemons = s.ServeAll(2, "--lease", "1s", "--key-task-limit", "0", "--connector-timeout", "2s", "--task-attempts", "100")
	return o
}

// maxRecovery is within what a daemon must serve again.
const maxRecovery = 2 * time.Second

func (o *outage) run(strike func(*outage)) {
	o.start(o.daemons...)
	for range o.times {
		o.waitAccepted(20)
		strike(o)
		start := time.Now()
		o.waitAccepted(1)
		o.slowest = max(o.slowest, time.Since(start))
	}
	o.stop()
	f := o.finish()
	for _, d := range o.daemons {
		d.Stop()
		o.expectNoSecrets(d)
	}
	if o.slowest > maxRecovery {
		o.Errorf("the first request after an outage was accepted after %s", o.slowest)
	}
	Report(o, f.accepted, o.times, f.figures("slowest", o.slowest)...)
}

// killBackend kills one that serves a daemon, and waits until the server is back: first a connection
// of our own must have been cut, then another be made.
func (o *outage) killBackend() {
	o.Helper()
	db, err := OpenReadOnly(o.Database)
	if err != nil {
		o.Fatal(err)
	}
	defer func() { _ = db.Close() }() // it was only read
	witness, err := db.Conn(o.Context())
	if err != nil {
		o.Fatal(err)
	}
	defer func() { _ = witness.Close() }() // it is dead by then
	var pid int
	err = witness.QueryRowContext(o.Context(), `SELECT pid FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'keyseat' ORDER BY state = 'idle', random() LIMIT 1`).Scan(&pid)
	if err != nil {
		o.Fatal(err)
	}
	backend, err := os.FindProcess(pid)
	if err == nil {
		err = backend.Kill()
	}
	if err != nil {
		o.Fatal(err)
	}
	o.Eventually("the server goes down", func() bool { return witness.PingContext(o.Context()) != nil })
	o.Eventually("the server is back", func() bool { return canQuery(o.Context(), db) })
}

func canQuery(ctx context.Context, db *sql.DB) bool {
	var one int
	return db.QueryRowContext(ctx, `SELECT 1`).Scan(&one) == nil
}
