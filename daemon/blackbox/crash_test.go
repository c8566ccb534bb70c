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
	ForEachDatabase(t, func(s *Shop) {
		kills := Scaled(20, 1000)
		l := newLoadFor(s, perKill*kills)
		all := s.ServeAll(2, flags...)
		l.start(all...)
		for i := range kills {
			l.waitAccepted(perKill)
			time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond) // because it may die anywhere
			one := i % len(all)
			all[one].Kill()
			l.expectNoSecrets(all[one])
			all[one] = s.Serve(flags...)
			l.useDaemons(append([]*Daemon(nil), all...)...)
		}
		l.stop()
		f := l.finish()
		for _, d := range all {
			d.Stop()
		}
		Report(s, f.accepted, kills, f.figures()...)
	})
}

// TestStopUnderLoad holds that a stop loses nothing and leaves no lease, and that its successor goes
// on at once: whether the daemon has little to do or is in the midst of anything, waits for the
// provider, or is told twice.
func TestStopUnderLoad(t *testing.T) {
	const drain = 5 * time.Second
	flags := []string{"--key-task-limit", "0", "--drain", drain.String()}
	ForEachDatabase(t, func(s *Shop) {
		stops := Scaled(5, 200)
		l := newLoadFor(s, 10*stops)
		l.scripts = append([]string{"slow=500+success"}, scripts...)
		d := s.Serve(flags...)
		l.start(d)
		slowest := time.Duration(0)
		for i := range stops {
			l.waitAccepted(10)
			time.Sleep(time.Duration(i%4*rand.IntN(30)) * time.Millisecond) // because it may be told at any moment
			start := time.Now()
			if i%2 == 1 {
				d.Signal(Terminate)
				time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond) // and again when it has begun to stop
			}
			d.Stop()
			slowest = max(slowest, time.Since(start))
			l.expectNoSecrets(d)
			l.expectNothingLeft()
			d = s.Serve(flags...)
			l.useDaemons(d)
		}
		l.stop()
		f := l.finish()
		d.Stop()
		l.expectNothingLeft()
		if slowest > drain {
			s.Errorf("a stop took %s", slowest)
		}
		Report(s, f.accepted, stops, f.figures("slowest", slowest)...)
	})
}

// expectNothingLeft holds that a stop, with status 0, has left no lease, and no connection to Postgres.
func (l *load) expectNothingLeft() {
	l.Helper()
	if n := l.Count(LeasesLeft); n > 0 {
		l.Errorf("%d leases were left", n)
	}
	if !l.IsSQLite() {
		l.Eventually("no connection is left", func() bool { return l.Count(Backends) == 0 })
	}
}

// TestDrainRefusesNewRequests holds that a daemon that stops refuses what is new and waits for what was sent.
func TestDrainRefusesNewRequests(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.AddKeys("K", "L")
		s.ImportPlans("p,US,5,,")
		d := s.Serve()
		d.MustAccept(Upgrade("K", "slow=1500+success@example.com", "US"))
		s.Eventually("the provider is asked", func() bool { return len(s.Provider.Requests()) == 1 })
		d.Signal(Terminate)
		s.Eventually("it is not ready", func() bool { return d.ReadyStatus() == 503 })
		for _, query := range []string{"info=K", "stock", Upgrade("L", "l", "US"), "info=nobody"} {
			a := d.Get(query)
			d.Expect(a, 503, Unavailable)
			if a.Header.Get("Retry-After") == "" {
				s.Error("503 without Retry-After")
			}
		}
		d.WaitExit(0)
		d = s.Serve()
		d.Expect(d.Get("stock"), 200, "["+StockLine("United States", "US", 4)+"]")
		if k := d.Info("K"); k.Status != "success" || len(s.Provider.Requests()) != 1 {
			s.Errorf("after the stop: %s", k.Body)
		}
		if k := d.Info("L"); k.Status != "active" {
			s.Errorf("what was refused has changed %s", k.Body)
		}
	})
}

// TestDrainTimesOut holds that a provider that does not answer keeps no daemon from stopping, and that
// what it leaves open goes on.
func TestDrainTimesOut(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.AddKeys("K")
		s.ImportPlans("p,US,5,,")
		d := s.Serve("--drain", "2s")
		d.MustAccept(Upgrade("K", "silent_after+success@example.com", "US"))
		s.Eventually("the provider is asked", func() bool { return len(s.Provider.Requests()) == 1 })
		start := time.Now()
		d.Stop()
		if took := time.Since(start); took > 3*time.Second {
			s.Errorf("the stop took %s", took)
		}
		if open := s.Tasks("--state", "open"); len(open) != 1 || open[0].Leased != nil {
			s.Errorf("open after the stop: %+v", open)
		}
		d = s.Serve()
		d.ExpectEnd("K", "success", "")
		s.CheckProvider()
	})
}
