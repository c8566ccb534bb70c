package faults_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestKilledDaemons kills daemons under load. Accepted tasks survive, and are carried out once.
func TestKilledDaemons(t *testing.T) {
	flags := []string{"--lease", "500ms", "--key-task-limit", "0", "--connector-timeout", "2s"}
	const perKill = 20 // the least number of accepted requests
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		kills := harness.Scaled(20, 1000)
		l := newLoadFor(s, perKill*kills)
		all := s.ServeAll(2, flags...)
		l.start(all...)
		for i := range kills {
			l.waitAccepted(perKill)
			time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond) // so that the daemon dies at any moment
			one := i % len(all)
			all[one].Kill()
			l.expectNoSecrets(all[one])
			all[one] = s.Serve(flags...)
			l.useDaemons(append([]*harness.Daemon(nil), all...)...)
		}
		l.stop()
		f := l.finish()
		for _, d := range all {
			d.Stop()
		}
		harness.Report(s, f.accepted, kills, f.figures()...)
	})
}

// TestStopUnderLoad stops daemons under load. Some are idle, some are busy, some wait for the provider, and some are
// stopped twice. A stop loses no task and leaves no lease, and the next daemon continues immediately.
func TestStopUnderLoad(t *testing.T) {
	const drain = 5 * time.Second
	flags := []string{"--key-task-limit", "0", "--drain", drain.String()}
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		stops := harness.Scaled(5, 200)
		l := newLoadFor(s, 10*stops)
		l.scripts = append([]string{"slow=500+success"}, scripts...)
		d := s.Serve(flags...)
		l.start(d)
		slowest := time.Duration(0)
		for i := range stops {
			l.waitAccepted(10)
			time.Sleep(time.Duration(i%4*rand.IntN(30)) * time.Millisecond) // so that it stops at any moment
			start := time.Now()
			if i%2 == 1 {
				d.Signal(harness.Terminate)
				time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond) // the second signal comes while it stops
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
		harness.Report(s, f.accepted, stops, f.figures("slowest", slowest)...)
	})
}

// expectNothingLeft checks that a stopped daemon has left no lease and no connection to PostgreSQL.
func (l *load) expectNothingLeft() {
	l.Helper()
	if n := l.Count(harness.LeasesLeft); n > 0 {
		l.Errorf("%d leases were left", n)
	}
	if !l.IsSQLite() {
		l.Eventually("no connection is left", func() bool { return l.Count(harness.Backends) == 0 })
	}
}

// TestDrainRefusesNewRequests checks that a stopping daemon refuses new requests, and waits for the provider's answers
// to the calls in progress.
func TestDrainRefusesNewRequests(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.AddKeys("K", "L")
		s.ImportPlans("p,US,5,,")
		d := s.Serve()
		d.MustAccept(harness.Upgrade("K", "slow=1500+success@example.com", "US"))
		s.Eventually("the provider is called", func() bool { return len(s.Provider.Requests()) == 1 })
		d.Signal(harness.Terminate)
		s.Eventually("it is not ready", func() bool { return d.ReadyStatus() == 503 })
		for _, query := range []string{"info=K", "stock", harness.Upgrade("L", "l", "US"), "info=nobody"} {
			a := d.Get(query)
			d.Expect(a, 503, harness.Unavailable)
			if a.Header.Get("Retry-After") == "" {
				s.Error("503 without Retry-After")
			}
		}
		d.WaitExit(0)
		d = s.Serve()
		d.Expect(d.Get("stock"), 200, "["+harness.StockLine("United States", "US", 4)+"]")
		if k := d.Info("K"); k.Status != "success" || len(s.Provider.Requests()) != 1 {
			s.Errorf("after the stop: %s", k.Body)
		}
		if k := d.Info("L"); k.Status != "active" {
			s.Errorf("what was refused has changed %s", k.Body)
		}
	})
}

// TestDrainTimesOut checks that a provider that does not answer cannot prevent a stop, and that the open task is
// carried out later.
func TestDrainTimesOut(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.AddKeys("K")
		s.ImportPlans("p,US,5,,")
		d := s.Serve("--drain", "2s")
		d.MustAccept(harness.Upgrade("K", "silent_after+success@example.com", "US"))
		s.Eventually("the provider is called", func() bool { return len(s.Provider.Requests()) == 1 })
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

// TestStalledDaemon pauses a daemon until its leases have expired and another daemon has done the work. When it
// continues, the paused daemon makes no stale write, and serves again.
func TestStalledDaemon(t *testing.T) {
	t.Parallel()
	s := harness.NewPostgresShop(t, pgtest.URL(t))
	const n = 20
	var codes []string
	for i := range n {
		codes = append(codes, fmt.Sprint("K", i))
	}
	s.AddKeys(codes...)
	s.ImportPlans("p,US,50,,")
	stalled := s.Serve("--lease", "500ms")
	for i, code := range codes {
		stalled.MustAccept(harness.Upgrade(code, fmt.Sprintf("slow=2000+success@%d.example.com", i), "US"))
	}
	s.Eventually("the provider is called", func() bool { return len(s.Provider.Requests()) == n })
	stalled.Pause()
	other := s.Serve("--lease", "500ms")
	for _, code := range codes {
		other.ExpectEnd(code, "success", "")
	}
	stalled.Resume()
	stalled.MustAccept(harness.Renew("K0", "still_premium@example.com"))
	stalled.ExpectEnd("K0", "failed", harness.Messages["still_premium"])
	stalled.Stop()
	for _, code := range codes[1:] {
		other.ExpectEnd(code, "success", "")
	}
	if calls := len(s.Provider.Requests()); calls != 2*n+1 {
		t.Errorf("%d calls: the other daemon did not take over", calls)
	}
	if p := s.Plans()["p"]; p.Spent != n || p.Suspect != 0 {
		t.Errorf("%d tasks have spent %+v", n, p)
	}
	s.CheckProvider()
}

// TestStalledDaemons pauses daemons at any moment for the duration of one to three leases, while other daemons take
// over. No accepted request is lost, and no stale write is made.
func TestStalledDaemons(t *testing.T) {
	t.Parallel()
	const (
		lease  = 400 * time.Millisecond
		asleep = 3 // simultaneously, while a fourth runs
	)
	stalls := harness.Scaled(3, 300)
	s := harness.NewPostgresShop(t, pgtest.URL(t))
	l := newLoadFor(s, 5*stalls)
	l.scripts = []string{"slow=300+success", "slow=500+success", "slow=900+success", "slow=50+500+success", "cut_after+slow=300+success", "slow=400+wrong_address"}
	all := s.ServeAll(asleep+1, "--lease", lease.String(), "--key-task-limit", "0", "--connector-timeout", "2s", "--task-attempts", "20")
	l.start(all...)
	for range (stalls + asleep - 1) / asleep {
		l.waitAccepted(5 * asleep)
		l.useDaemons(all[asleep]) // clients would wait for the others
		var group sync.WaitGroup
		for _, d := range all[:asleep] {
			group.Go(func() {
				d.Pause()
				time.Sleep(lease*11/10 + rand.N(lease*19/10)) // the stall
				d.Resume()
			})
		}
		group.Wait()
		all = append(all[1:], all[0]) // the running daemon changes each round
		l.useDaemons(all...)
	}
	l.stop()
	f := l.finish()
	for _, d := range all {
		d.Stop()
		l.expectNoSecrets(d)
	}
	if f.lostLeases < stalls {
		s.Errorf("%d stalls have cost %d leases: nothing is proven", stalls, f.lostLeases)
	}
	harness.Report(s, f.accepted, stalls, f.figures()...)
}
