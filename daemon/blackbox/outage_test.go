package blackbox_test

import (
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
		cluster.Restart(t)
		start := time.Now()
		s.until("it is ready", func() bool { return d.ready() == 200 })
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
