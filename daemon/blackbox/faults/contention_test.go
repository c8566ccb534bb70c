package faults_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestDoctorFindsNothingUnderLoad checks that the doctor finds and repairs nothing while daemons carry out tasks.
func TestDoctorFindsNothingUnderLoad(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		l := newLoad(s)
		d := s.Serve("--key-task-limit", "0")
		l.start(d)
		for i := 0; i < 4 || l.requestCount() < 300; i++ {
			if r := s.Exec(append([]string{"doctor"}, []string{"--repair"}[:i%2]...)...); r.Code != 0 || r.Out != "nothing is wrong\n" {
				s.Errorf("under load: %+v", r)
			}
		}
		l.stop()
		l.finish()
		d.Stop()
		if out := s.MustExec("doctor"); out != "nothing is wrong\n" {
			s.Errorf("after the load: %s", out)
		}
	})
}

// minShare is the part of the work that each of several daemons must do.
const minShare = 0.05

// expectShared checks that each daemon has done its part of the work, and returns the smallest part.
func expectShared(s *harness.Shop, all []*harness.Daemon) float64 {
	s.Helper()
	attempts, sum := make([]float64, len(all)), 0.0
	for i, d := range all {
		attempts[i] = d.Scrape().Sum("keyseat_connector_duration_seconds_count")
		sum += attempts[i]
	}
	least := 1.0
	for _, n := range attempts {
		least = min(least, n/sum)
	}
	if s.Logf("attempts of the daemons: %v", attempts); least < minShare {
		s.Errorf("a daemon has done %.1f %% of the work", 100*least)
	}
	return least
}

// TestBacklogIsShared sends all requests to one daemon, which cannot carry out all tasks alone. The other daemons must
// take some of them.
func TestBacklogIsShared(t *testing.T) {
	t.Parallel()
	s := harness.NewPostgresShop(t, pgtest.URL(t))
	daemons, requests := 3, harness.Scaled(120, 2000)
	if *harness.Scale > 0 {
		daemons = 8
	}
	l := newEmptyLoad(s, requests)
	var codes []string
	for i := range requests {
		codes = append(codes, fmt.Sprint("K", i))
	}
	s.AddKeys(codes...)
	s.ImportPlans(fmt.Sprintf("p,US,%d,,", requests))
	all := s.ServeAll(daemons, "--workers", "4")
	for i, code := range codes {
		l.submit(all[0], code, fmt.Sprint("slow=300+success@", i, loginMark), "US", false)
	}
	f := l.finish()
	least := expectShared(s, all)
	for _, d := range all {
		d.Stop()
		l.expectNoSecrets(d)
	}
	harness.Report(t, f.accepted, 0, f.figures("daemons", daemons, "least_share", fmt.Sprintf("%.2f", least))...)
}

// TestSeveralDaemons runs several daemons on one PostgreSQL. Their clients compete for the few slots of one country,
// and an operator adds slots again and again. The daemons accept every request, carry out each task once, oversell
// nothing and share the work. At full length the test also limits the times.
func TestSeveralDaemons(t *testing.T) {
	t.Parallel()
	crowds := []int{3}
	if *harness.Scale > 0 {
		crowds = []int{2, 4, 8}
	}
	requests := harness.Scaled(300, 20_000) / len(crowds)
	for _, n := range crowds {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			c := newContention(t, n, requests)
			took := c.run()
			f := c.finish()
			least := expectShared(c.Shop, c.daemons)
			for _, d := range c.daemons {
				d.Stop()
				c.expectNoSecrets(d)
			}
			p99 := took[len(took)*99/100]
			if *harness.Scale >= 1 && p99 > maxP99 {
				t.Errorf("99 of 100 requests were answered within %s, at %d a second", p99, c.rate)
			}
			sold, none := c.Plans()["hot"].Spent, c.Count(`SELECT count(*) FROM keyseat_tasks WHERE outcome = 'out_of_stock'`)
			if sold <= slotsAtATime || none == 0 {
				t.Errorf("%d slots were sold and %d requests found none: nothing is proven", sold, none)
			}
			harness.Report(t, f.accepted, 0, f.figures("daemons", n, "rate", c.rate, "slots_sold", sold, "found_none", none, "least_share", fmt.Sprintf("%.2f", least), "p99", p99, "slowest", took[len(took)-1])...)
		})
	}
}

// maxP99 is the limit for 99 of 100 responses at full length.
const maxP99 = 100 * time.Millisecond

// A contention is daemons with requests for one country. Each request has a key of its own.
type contention struct {
	*load
	daemons []*harness.Daemon
	codes   []string
	rate    int // the number of requests per second, whether earlier requests were answered or not
}

func newContention(t *testing.T, daemons, requests int) *contention {
	s := harness.NewPostgresShop(t, pgtest.URL(t))
	c := &contention{load: newEmptyLoad(s, requests), rate: harness.Scaled(100, 300)}
	for i := range requests {
		c.codes = append(c.codes, fmt.Sprint("K", i))
	}
	s.AddKeys(c.codes...)
	c.refill()
	c.daemons = s.ServeAll(daemons, "--lease", "5s")
	return c
}

// slotsAtATime is the number of free slots that refill leaves. There are far fewer slots than requests, but enough for the
// shares of the daemons to mean something.
const slotsAtATime = 12

// refill adds slots to the plan, so that about slotsAtATime are free.
func (c *contention) refill() {
	c.Helper()
	taken := c.Count(`SELECT coalesce(sum(held + spent + suspect), 0) FROM keyseat_plans`)
	c.ImportPlans(fmt.Sprintf("hot,US,%d,,", taken+slotsAtATime))
}

// run sends all requests at their times, and returns the sorted durations. Meanwhile an operator refills the stock.
func (c *contention) run() []time.Duration {
	c.Helper()
	took := make([]time.Duration, len(c.codes))
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.sendAll(took)
	}()
	for {
		select {
		case <-done:
			slices.Sort(took)
			return took
		case <-time.After(250 * time.Millisecond):
			c.refill()
		}
	}
}

func (c *contention) sendAll(took []time.Duration) {
	var requests sync.WaitGroup
	start := time.Now()
	for i, code := range c.codes {
		at := start.Add(time.Duration(i) * time.Second / time.Duration(c.rate))
		time.Sleep(time.Until(at)) // keeps the rate
		requests.Go(func() {
			script := []string{"slow=20+success", "success", "slow=5+wrong_address", "500+success"}[i%4]
			c.submit(c.daemons[i%len(c.daemons)], code, fmt.Sprint(script, "@", i, loginMark), "US", false)
			took[i] = time.Since(at)
		})
	}
	requests.Wait()
}
