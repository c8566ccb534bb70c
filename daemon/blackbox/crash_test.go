package blackbox_test

import (
	"math/rand/v2"
	"testing"
	"time"
)

// kills is how often a daemon dies in the test of it.
const kills = 20

// TestKilledDaemons holds that what was accepted outlives the daemon, and is done once.
func TestKilledDaemons(t *testing.T) {
	flags := []string{"--lease", "1s", "--key-task-limit", "0", "--connector-timeout", "2s"}
	eachDatabase(t, func(s *shop) {
		l := newLoad(s)
		d := s.serve(flags...)
		l.begin(d)
		for range kills {
			l.goesOn(10)
			time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond) // because it may die anywhere
			d.kill()
			d = s.serve(flags...)
			l.daemon.Store(d)
		}
		l.end()
		l.settled()
		d.stop()
		s.Logf("%d kills", kills)
	})
}

// TestStopUnderLoad holds that a stop loses nothing and leaves no lease, and that its successor goes
// on at once.
func TestStopUnderLoad(t *testing.T) {
	const stops = 5
	eachDatabase(t, func(s *shop) {
		l := newLoad(s)
		d := s.serve("--key-task-limit", "0")
		l.begin(d)
		for range stops {
			l.goesOn(20)
			start := time.Now()
			d.stop()
			if took := time.Since(start); took > 10*time.Second {
				s.Errorf("the stop took %s", took)
			}
			for _, task := range s.tasks("--state", "open") {
				if task.Leased != nil {
					s.Errorf("a lease was left: %+v", task)
				}
			}
			d = s.serve("--key-task-limit", "0")
			l.daemon.Store(d)
		}
		l.end()
		l.settled()
	})
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
