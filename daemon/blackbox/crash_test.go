package blackbox_test

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestKilledDaemons holds that what was accepted outlives the daemon, and is done once.
func TestKilledDaemons(t *testing.T) {
	flags := []string{"--lease", "500ms", "--key-task-limit", "0", "--connector-timeout", "2s"}
	const perKill = 20 // requests that are accepted, at least
	eachDatabase(t, func(s *shop) {
		kills := figure(20, 1000)
		l := loadOf(s, perKill*kills)
		all := s.daemons(2, flags...)
		l.begin(all...)
		for i := range kills {
			l.goesOn(perKill)
			time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond) // because it may die anywhere
			one := i % len(all)
			all[one].kill()
			l.discreet(all[one])
			all[one] = s.serve(flags...)
			l.use(append([]*daemon(nil), all...)...)
		}
		l.end()
		f := l.settled()
		for _, d := range all {
			d.stop()
		}
		tried(s, f.acked, kills, f.figures()...)
	})
}

// TestStopUnderLoad holds that a stop loses nothing and leaves no lease, and that its successor goes
// on at once: whether the daemon has little to do or is in the midst of anything, waits for the
// provider, or is told twice.
func TestStopUnderLoad(t *testing.T) {
	const drain = 5 * time.Second
	flags := []string{"--key-task-limit", "0", "--drain", drain.String()}
	eachDatabase(t, func(s *shop) {
		stops := figure(5, 200)
		l := loadOf(s, 10*stops)
		l.scripts = append([]string{"slow=500+success"}, scripts...)
		d := s.serve(flags...)
		l.begin(d)
		slowest := time.Duration(0)
		for i := range stops {
			l.goesOn(10)
			time.Sleep(time.Duration(i%4*rand.IntN(30)) * time.Millisecond) // because it may be told at any moment
			start := time.Now()
			if i%2 == 1 {
				d.signal(terminate)
				time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond) // and again when it has begun to stop
			}
			d.stop()
			slowest = max(slowest, time.Since(start))
			l.discreet(d)
			l.leavesNothing()
			d = s.serve(flags...)
			l.use(d)
		}
		l.end()
		f := l.settled()
		d.stop()
		l.leavesNothing()
		if slowest > drain {
			s.Errorf("a stop took %s", slowest)
		}
		tried(s, f.acked, stops, f.figures("slowest", slowest)...)
	})
}

// leavesNothing holds that a stop, with status 0, has left no lease, and no connection to Postgres.
func (l *load) leavesNothing() {
	l.Helper()
	if n := l.count(leasesLeft); n > 0 {
		l.Errorf("%d leases were left", n)
	}
	if !l.embedded() {
		l.until("no connection is left", func() bool { return l.count(backends) == 0 })
	}
}

// TestDraining holds that a daemon that stops refuses what is new and waits for what was sent.
func TestDraining(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.fresh("K", "L")
		s.importPlans("p,US,5,,")
		d := s.serve()
		d.accepted(upgrade("K", "slow=1500+success@example.com", "US"))
		s.until("the provider is asked", func() bool { return len(s.provider.Requests()) == 1 })
		d.signal(terminate)
		s.until("it is not ready", func() bool { return d.ready() == 503 })
		for _, query := range []string{"info=K", "stock", upgrade("L", "l", "US"), "info=nobody"} {
			a := d.get(query)
			d.is(a, 503, away)
			if a.header.Get("Retry-After") == "" {
				s.Error("503 without Retry-After")
			}
		}
		d.exits(0)
		d = s.serve()
		d.is(d.get("stock"), 200, "["+country("United States", "US", 4)+"]")
		if k := d.info("K"); k.Status != "success" || len(s.provider.Requests()) != 1 {
			s.Errorf("after the stop: %s", k.body)
		}
		if k := d.info("L"); k.Status != "active" {
			s.Errorf("what was refused has changed %s", k.body)
		}
	})
}

// TestDrainEnds holds that a provider that does not answer keeps no daemon from stopping, and that
// what it leaves open goes on.
func TestDrainEnds(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.fresh("K")
		s.importPlans("p,US,5,,")
		d := s.serve("--drain", "2s")
		d.accepted(upgrade("K", "silent_after+success@example.com", "US"))
		s.until("the provider is asked", func() bool { return len(s.provider.Requests()) == 1 })
		start := time.Now()
		d.stop()
		if took := time.Since(start); took > 3*time.Second {
			s.Errorf("the stop took %s", took)
		}
		if open := s.tasks("--state", "open"); len(open) != 1 || open[0].Leased != nil {
			s.Errorf("open after the stop: %+v", open)
		}
		d = s.serve()
		d.endsAs("K", "success", "")
		s.agrees()
	})
}
