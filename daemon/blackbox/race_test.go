package blackbox_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// ServeAll serves with so many on a shared database, and with one on a file.
func (s *Shop) ServeAll(n int, flags ...string) []*Daemon {
	s.Helper()
	if s.IsSQLite() {
		n = 1
	}
	all := make([]*Daemon, n)
	for i := range all {
		all[i] = s.Serve(flags...)
	}
	return all
}

// sendSimultaneously makes n calls at the same time, on the daemons in turn, and counts the answers.
func sendSimultaneously(all []*Daemon, n int, form func(i int) string) map[string]int {
	bodies := make([]string, n)
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-start
			d := all[i%len(all)]
			a, err := d.Send("POST", d.URL+"/API/", form(i), FormHeader)
			bodies[i] = a.Body
			if err != nil {
				bodies[i] = err.Error()
			}
		})
	}
	close(start)
	group.Wait()
	count := map[string]int{}
	for _, body := range bodies {
		count[body]++
	}
	return count
}

// TestSimultaneousRequests holds that of any number for one key exactly one gets success.
func TestSimultaneousRequests(t *testing.T) {
	const requests = 64
	rounds := Scaled(10, 100) // of two keys each
	ForEachDatabase(t, func(s *Shop) {
		rows := []string{"code,used"}
		for i := range rounds {
			rows = append(rows, fmt.Sprintf("U%d,0", i), fmt.Sprintf("R%d,1", i))
		}
		s.ImportKeys(rows...)
		s.ImportPlans("p,US,1000,,")
		all := s.ServeAll(3)
		for round := range rounds {
			for _, kind := range []struct{ code, sent, open string }{
				{fmt.Sprint("U", round), UpgradeSent, ErrorBody(UpgradeOpen)},
				{fmt.Sprint("R", round), RenewSent, ErrorBody(RenewOpen)},
			} {
				got := sendSimultaneously(all, requests, func(int) string {
					if kind.code[0] == 'R' {
						return Renew(kind.code, PendingLogin)
					}
					return Upgrade(kind.code, PendingLogin, "US")
				})
				if got[kind.sent] != 1 || got[kind.open] != requests-1 {
					s.Errorf("%s: %v", kind.code, got)
				}
			}
		}
		if p := s.Plans()["p"]; p.Held != rounds || len(s.Tasks()) != 2*rounds {
			s.Errorf("%d tasks hold %+v", len(s.Tasks()), p)
		}
		Report(s, 2*rounds, 2*rounds*(requests-1), "daemons", len(all), "requests", 2*rounds*requests)
	})
}

// TestScarceSlots holds that of more keys than slots as many win as there are slots.
func TestScarceSlots(t *testing.T) {
	const keys, slots = 200, 37
	ForEachDatabase(t, func(s *Shop) {
		rows := make([]string, keys)
		for i := range rows {
			rows[i] = fmt.Sprint("K", i)
		}
		s.AddKeys(rows...)
		s.ImportPlans("a,US,10,,", "b,US,1,,", "c,US,20,,", "d,US,6,,", "e,FR,100,,")
		all := s.ServeAll(4)
		got := sendSimultaneously(all, keys, func(i int) string { return Upgrade(rows[i], fmt.Sprintf("success@%d.example.com", i), "US") })
		if got[UpgradeSent] != keys {
			s.Errorf("answers: %v", got)
		}
		won := 0
		for i, code := range rows {
			switch k := all[i%len(all)].WaitEnd(code); {
			case k.Status == "success":
				won++
			case k.Message != Messages["out_of_stock"]:
				s.Errorf("%s ended as %s", code, k.Body)
			}
		}
		if won != slots {
			s.Errorf("%d keys won %d slots", won, slots)
		}
		s.CheckProvider()
		if p := s.Plans()["e"]; p.Free != 100 {
			s.Errorf("another country's plan: %+v", p)
		}
	})
}

// TestSeveralDaemons holds that daemons who share one Postgres and fight for the few slots of one
// country, which an operator keeps adding to, accept every request, do each once, oversell nothing and
// share the work, and, at the full figure, that they are quick.
func TestSeveralDaemons(t *testing.T) {
	t.Parallel()
	crowds := []int{3}
	if *Scale > 0 {
		crowds = []int{2, 4, 8}
	}
	requests := Scaled(300, 20_000) / len(crowds)
	for _, n := range crowds {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			c := newContention(t, n, requests)
			took := c.run()
			f := c.finish()
			least := c.expectShared(c.daemons)
			for _, d := range c.daemons {
				d.Stop()
				c.expectNoSecrets(d)
			}
			p99 := took[len(took)*99/100]
			if *Scale >= 1 && p99 > maxP99 {
				t.Errorf("99 of 100 requests were answered within %s, at %d a second", p99, c.rate)
			}
			sold, none := c.Plans()["hot"].Spent, c.Count(`SELECT count(*) FROM keyseat_tasks WHERE outcome = 'out_of_stock'`)
			if sold <= slotsAtATime || none == 0 {
				t.Errorf("%d slots were sold and %d requests found none: nothing is proven", sold, none)
			}
			Report(t, f.accepted, 0, f.figures("daemons", n, "rate", c.rate, "slots_sold", sold, "found_none", none, "least_share", fmt.Sprintf("%.2f", least), "p99", p99, "slowest", took[len(took)-1])...)
		})
	}
}

// maxP99 is within what 99 of 100 requests are answered, at the full rate.
const maxP99 = 100 * time.Millisecond

// A contention is daemons with requests for one country, each for a key of its own.
type contention struct {
	*load
	daemons []*Daemon
	codes   []string
	rate    int // requests a second, whether those before were answered or not
}

func newContention(t *testing.T, daemons, requests int) *contention {
	s := NewPostgresShop(t, pgtest.URL(t))
	c := &contention{load: newEmptyLoad(s, requests), rate: Scaled(100, 300)}
	for i := range requests {
		c.codes = append(c.codes, fmt.Sprint("K", i))
	}
	s.AddKeys(c.codes...)
	c.refill()
	c.daemons = s.ServeAll(daemons, "--lease", "5s")
	return c
}

// slotsAtATime is how many slots there are at a time.
const slotsAtATime = 5

// refill leaves so many slots free, or some fewer that were claimed meanwhile.
func (c *contention) refill() {
	c.Helper()
	taken := c.Count(`SELECT coalesce(sum(held + spent + suspect), 0) FROM keyseat_plans`)
	c.ImportPlans(fmt.Sprintf("hot,US,%d,,", taken+slotsAtATime))
}

// run makes all requests, each at its time, and gives how long they took from then on, in order. All
// the while an operator refills the stock.
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
		time.Sleep(time.Until(at)) // the rate is what is tried
		requests.Go(func() {
			script := []string{"slow=20+success", "success", "slow=5+wrong_address", "500+success"}[i%4]
			c.submit(c.daemons[i%len(c.daemons)], code, fmt.Sprint(script, "@", i, loginMark), "US", false)
			took[i] = time.Since(at)
		})
	}
	requests.Wait()
}

// CheckProvider compares the plans' counts with what the provider has done for them: never more than the
// plan's slots, all that counts as spent, and nothing that is neither spent nor suspect.
func (s *Shop) CheckProvider() {
	s.Helper()
	done := map[string]int{}
	for _, e := range s.Provider.Effects() {
		if e.Kind == "upgrade" && e.Outcome == "success" {
			done[e.Plan]++
		}
	}
	for id, p := range s.Plans() {
		if done[id] > p.Slots || done[id] < p.Spent || done[id] > p.Spent+p.Suspect || p.Held != 0 {
			s.Errorf("the provider has filled %d slots of %+v", done[id], p)
		}
	}
}
