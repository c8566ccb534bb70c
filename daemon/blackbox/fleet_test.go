package blackbox_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// mostIdle is fewer than how many statements a second an idle fleet may cost the database.
const mostIdle = 20

// TestAnIdleFleet holds that eight daemons who have nothing to do, though there are webhooks to tell and
// strangers to limit, ask little of their database.
func TestAnIdleFleet(t *testing.T) {
	besideOthers(t)
	const daemons = 8
	cluster := pgtest.Start(t, pgtest.Options{Config: []string{"log_statement=all"}})
	s := onPostgres(t, cluster.URL(t))
	s.importPlans("p,US,9,,")
	h := s.hook(`, "stock_low": {"US": 1}`)
	h.serves("--unknown-key-limit=30")
	for range daemons - 1 {
		h.serve(h.hookFlags("--unknown-key-limit=30")...)
	}
	idle := time.Duration(figure(10, 60)) * time.Second
	time.Sleep(8 * time.Second) // until they have seen that there is nothing to do
	before := statements(t, cluster)
	time.Sleep(idle)
	n := statements(t, cluster) - before
	rate := float64(n) / idle.Seconds()
	t.Logf("%d daemons make %.1f statements a second", daemons, rate)
	if rate >= mostIdle {
		t.Errorf("%d daemons make %.1f statements a second", daemons, rate)
	}
	if rate < daemons {
		t.Errorf("%d daemons make %.1f statements a second, and do not even look for work: nothing is proven", daemons, rate)
	}
	tried(t, n, 0, "daemons", daemons, "statements_a_second", fmt.Sprintf("%.1f", rate))
}

// statements counts what a server has logged, each way to run one.
func statements(t *testing.T, c *pgtest.Cluster) int {
	t.Helper()
	log, err := c.Log()
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(log, []byte("LOG:  statement: ")) + bytes.Count(log, []byte("LOG:  execute "))
}

// leastShare is of the work, for each of several daemons.
const leastShare = 0.05

// shared holds that no daemon has done next to nothing of the work, and gives the least share.
func (s *shop) shared(all []*daemon) float64 {
	s.Helper()
	asked, sum := make([]float64, len(all)), 0.0
	for i, d := range all {
		asked[i] = d.scrape().sum("keyseat_connector_duration_seconds_count")
		sum += asked[i]
	}
	least := 1.0
	for _, n := range asked {
		least = min(least, n/sum)
	}
	if s.Logf("the daemons have asked %v times", asked); least < leastShare {
		s.Errorf("a daemon has done %.1f %% of the work", 100*least)
	}
	return least
}

// TestABacklogIsShared has all requests go to one daemon, which cannot do them all by itself.
func TestABacklogIsShared(t *testing.T) {
	t.Parallel()
	s := onPostgres(t, pgtest.URL(t))
	daemons, requests := 3, figure(120, 2000)
	if *scale > 0 {
		daemons = 8
	}
	l := emptyLoad(s, requests)
	var codes []string
	for i := range requests {
		codes = append(codes, fmt.Sprint("K", i))
	}
	s.fresh(codes...)
	s.importPlans(fmt.Sprintf("p,US,%d,,", requests))
	all := s.daemons(daemons, "--workers", "4")
	for i, code := range codes {
		l.submit(all[0], code, fmt.Sprint("slow=300+success@", i, loginMark), "US", false)
	}
	f := l.settled()
	least := s.shared(all)
	for _, d := range all {
		d.stop()
		l.discreet(d)
	}
	tried(t, f.acked, 0, f.figures("daemons", daemons, "least_share", fmt.Sprintf("%.2f", least))...)
}
