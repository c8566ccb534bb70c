package faults_test

import (
	"context"
	"database/sql"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestDatabaseOutage checks that every call is answered in time while PostgreSQL is down. The same daemon serves again
// when PostgreSQL is back.
func TestDatabaseOutage(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t, pgtest.Options{Durable: true})
	s := harness.NewPostgresShop(t, cluster.URL(t))
	s.AddKeys("K", "L")
	s.ImportPlans("p,US,5,,")
	d := s.Serve("--lease", "2s")
	d.MustAccept(harness.Upgrade("K", "slow=1000+success@example.com", "US"))
	for range 3 {
		cluster.Kill(t)
		for _, query := range []string{"info=K", "stock", "info=nobody", harness.Upgrade("L", "wrong_address@example.com", "US")} {
			start := time.Now()
			a := d.Get(query)
			d.Expect(a, 503, harness.Unavailable)
			if took := time.Since(start); took > 5*time.Second || a.Header.Get("Retry-After") == "" {
				t.Errorf("after %s, Retry-After %q", took, a.Header.Get("Retry-After"))
			}
		}
		d.Expect(d.Get("info="), 200, harness.NotExist)
		if a := d.Get(""); a.Code != http.StatusBadRequest || !strings.HasPrefix(a.Body, `{"status":"error","message":"`) {
			t.Errorf("a call that names nothing: %d %s", a.Code, a.Body)
		}
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
		d.MustAccept(harness.Upgrade("L", "wrong_address@example.com", "US"))
		d.ExpectEnd("L", "failed_upgrade", harness.Messages["wrong_address"])
	}
	d.ExpectEnd("K", "success", "")
	s.CheckProvider()
	d.Stop()
}

// TestKilledPostmaster kills PostgreSQL under load. No accepted task is lost, and the same daemons serve again as soon
// as PostgreSQL is back.
func TestKilledPostmaster(t *testing.T) {
	t.Parallel()
	newOutage(t, harness.Scaled(5, 200)).run(func(o *outage) {
		o.cluster.Kill(t)
		o.cluster.Restart(t)
	})
}

// TestKilledBackends kills one server process of a daemon's connections. PostgreSQL then ends all other server
// processes and starts again.
func TestKilledBackends(t *testing.T) {
	t.Parallel()
	newOutage(t, harness.Scaled(5, 200)).run((*outage).killBackend)
}

// An outage is daemons under load, on a server that dies repeatedly.
type outage struct {
	*load
	cluster *pgtest.Cluster
	daemons []*harness.Daemon
	times   int
	slowest time.Duration // the longest time from the return of the server to the first success
}

func newOutage(t *testing.T, times int) *outage {
	cluster := pgtest.Start(t, pgtest.Options{Durable: true})
	s := harness.NewPostgresShop(t, cluster.URL(t))
	o := &outage{load: newLoadFor(s, 20*times), cluster: cluster, times: times}
	o.maxLag, o.maxTaskTime = 20*time.Second, 5*time.Minute
	o.daemons = s.ServeAll(2, "--lease", "1s", "--key-task-limit", "0", "--connector-timeout", "2s", "--task-attempts", "100")
	return o
}

// maxRecovery is the limit for a daemon to serve again.
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
	harness.Report(o, f.accepted, o.times, f.figures("slowest", o.slowest)...)
}

// killBackend kills a backend of a daemon, and waits until the server is back. First a connection of the test must be
// cut, then a new one must work.
func (o *outage) killBackend() {
	o.Helper()
	db, err := harness.OpenReadOnly(o.Database)
	if err != nil {
		o.Fatal(err)
	}
	defer func() { _ = db.Close() }() // the connection has only read
	own, err := db.Conn(o.Context())
	if err != nil {
		o.Fatal(err)
	}
	defer func() { _ = own.Close() }() // the server has closed the connection
	var pid int
	err = own.QueryRowContext(o.Context(), `SELECT pid FROM pg_stat_activity
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
	o.Eventually("the server goes down", func() bool { return own.PingContext(o.Context()) != nil })
	o.Eventually("the server is back", func() bool { return canQuery(o.Context(), db) })
}

func canQuery(ctx context.Context, db *sql.DB) bool {
	var one int
	return db.QueryRowContext(ctx, `SELECT 1`).Scan(&one) == nil
}
