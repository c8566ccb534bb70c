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

// TestTheDatabaseIsAway holds that while Postgres is dead every call is answered in time, and that
// the same daemon serves again when it is back.
func TestTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t, pgtest.Options{Durable: true})
	s := onPostgres(t, cluster.URL(t))
	s.fresh("K", "L")
	s.importPlans("p,US,5,,")
	d := s.serve("--lease", "2s")
	d.accepted(upgrade("K", "slow=1000+success@example.com", "US"))
	for range 3 {
		cluster.Kill(t)
		for _, query := range []string{"info=K", "stock", "info=nobody", upgrade("L", "wrong_address@example.com", "US")} {
			start := time.Now()
			a := d.get(query)
			d.is(a, 503, away)
			if took := time.Since(start); took > 5*time.Second || a.header.Get("Retry-After") == "" {
				t.Errorf("after %s, Retry-After %q", took, a.header.Get("Retry-After"))
			}
		}
		d.is(d.get("info="), 200, notExist)
		d.makes([]call{{"GET", "/API/", "", nil, 400}})
		if code := d.ready(); code != 503 {
			t.Errorf("readyz: %d", code)
		}
		if r := s.cli("check", "--url", d.admin); r.code != 1 || !strings.Contains(r.err, "/readyz answers 503: the database cannot be used: cannot reach PostgreSQL at ") || !strings.HasSuffix(r.err, ": connection refused\n") {
			t.Errorf("check: %+v", r)
		}
		cluster.Restart(t)
		start := time.Now()
		s.until("it is ready", func() bool { return d.ready() == 200 })
		if r := s.cli("check", "--url", d.admin); r.code != 0 || r.out != "ready\n" {
			t.Errorf("check: %+v", r)
		}
		if a := d.get("stock"); a.code != 200 {
			t.Errorf("stock: %d %s", a.code, a.body)
		}
		t.Logf("served again %s after the database", time.Since(start))
		d.ends("K")
		d.accepted(upgrade("L", "wrong_address@example.com", "US"))
		d.endsAs("L", "failed_upgrade", messages["wrong_address"])
	}
	d.endsAs("K", "success", "")
	s.agrees()
	d.stop()
}

// TestKilledPostmaster holds that the death of the database's server, all of it, loses nothing that
// was accepted, and that the same daemons serve again as soon as it is back.
func TestKilledPostmaster(t *testing.T) {
	t.Parallel()
	newOutage(t, figure(5, 200)).strikes(func(o *outage) {
		o.cluster.Kill(t)
		o.cluster.Restart(t)
	})
}

// TestKilledBackends holds the same of one backend of a daemon's, at whose death the server ends all
// the others and starts again.
func TestKilledBackends(t *testing.T) {
	t.Parallel()
	newOutage(t, figure(5, 200)).strikes((*outage).killBackend)
}

// An outage is daemons at work on a server that dies again and again.
type outage struct {
	*load
	cluster *pgtest.Cluster
	daemons []*daemon
	times   int
	slowest time.Duration // from when the server was back to the first success
}

func newOutage(t *testing.T, times int) *outage {
	cluster := pgtest.Start(t, pgtest.Options{Durable: true})
	s := onPostgres(t, cluster.URL(t))
	o := &outage{load: loadOf(s, 20*times), cluster: cluster, times: times}
	o.late, o.load.slowest = 20*time.Second, 5*time.Minute
	o.daemons = s.daemons(2, "--lease", "1s", "--key-task-limit", "0", "--connector-timeout", "2s", "--task-attempts", "100")
	return o
}

// soon is within what a daemon must serve again.
const soon = 2 * time.Second

func (o *outage) strikes(strike func(*outage)) {
	o.begin(o.daemons...)
	for range o.times {
		o.goesOn(20)
		strike(o)
		start := time.Now()
		o.goesOn(1)
		o.slowest = max(o.slowest, time.Since(start))
	}
	o.end()
	f := o.settled()
	for _, d := range o.daemons {
		d.stop()
		o.discreet(d)
	}
	if o.slowest > soon {
		o.Errorf("the first request after an outage was accepted after %s", o.slowest)
	}
	tried(o, f.acked, o.times, f.figures("slowest", o.slowest)...)
}

// killBackend kills one that serves a daemon, and waits until the server is back: first a connection
// of our own must have been cut, then another be made.
func (o *outage) killBackend() {
	o.Helper()
	db, err := readOnly(o.database)
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
	o.until("the server goes down", func() bool { return witness.PingContext(o.Context()) != nil })
	o.until("the server is back", func() bool { return answers(o.Context(), db) })
}

func answers(ctx context.Context, db *sql.DB) bool {
	var one int
	return db.QueryRowContext(ctx, `SELECT 1`).Scan(&one) == nil
}
