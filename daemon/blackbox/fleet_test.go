package blackbox_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// maxIdleRate is fewer than how many statements a second an idle fleet may cost the database.
const maxIdleRate = 20

// TestIdleDaemonsCostLittle holds that eight daemons who have nothing to do, though there are webhooks to tell and
// strangers to limit, ask little of their database.
func TestIdleDaemonsCostLittle(t *testing.T) {
	ParallelUnlessScaled(t)
	const daemons = 8
	cluster := pgtest.Start(t, pgtest.Options{Config: []string{"log_statement=all"}})
	s := NewPostgresShop(t, cluster.URL(t))
	s.ImportPlans("p,US,9,,")
	h := s.newReceiver(`, "stock_low": {"US": 1}`)
	h.serveWithEndpoint("--unknown-key-limit=30")
	for range daemons - 1 {
		h.Serve(h.flags("--unknown-key-limit=30")...)
	}
	idle := time.Duration(Scaled(10, 60)) * time.Second
	time.Sleep(8 * time.Second) // until they have seen that there is nothing to do
	before := countStatements(t, cluster)
	time.Sleep(idle)
	n := countStatements(t, cluster) - before
	rate := float64(n) / idle.Seconds()
	t.Logf("%d daemons make %.1f statements a second", daemons, rate)
	if rate >= maxIdleRate {
		t.Errorf("%d daemons make %.1f statements a second", daemons, rate)
	}
	if rate < daemons {
		t.Errorf("%d daemons make %.1f statements a second, and do not even look for work: nothing is proven", daemons, rate)
	}
	Report(t, n, 0, "daemons", daemons, "statements_a_second", fmt.Sprintf("%.1f", rate))
}

// countStatements counts what a server has logged, each way to run one.
func countStatements(t *testing.T, c *pgtest.Cluster) int {
	t.Helper()
	log, err := c.Log()
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(log, []byte("LOG:  statement: ")) + bytes.Count(log, []byte("LOG:  execute "))
}

// minShare is of the work, for each of several daemons.
const minShare = 0.05

// expectShared holds that no daemon has done next to nothing of the work, and gives the least share.
func (s *Shop) expectShared(all []*Daemon) float64 {
	s.Helper()
	asked, sum := make([]float64, len(all)), 0.0
	for i, d := range all {
		asked[i] = d.Scrape().Sum("keyseat_connector_duration_seconds_count")
		sum += asked[i]
	}
	least := 1.0
	for _, n := range asked {
		least = min(least, n/sum)
	}
	if s.Logf("the daemons have asked %v times", asked); least < minShare {
		s.Errorf("a daemon has done %.1f %% of the work", 100*least)
	}
	return least
}

// TestBacklogIsShared has all requests go to one daemon, which cannot do them all by itself.
func TestBacklogIsShared(t *testing.T) {
	t.Parallel()
	s := NewPostgresShop(t, pgtest.URL(t))
	daemons, requests := 3, Scaled(120, 2000)
	if *Scale > 0 {
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
	least := s.expectShared(all)
	for _, d := range all {
		d.Stop()
		l.expectNoSecrets(d)
	}
	Report(t, f.accepted, 0, f.figures("daemons", daemons, "least_share", fmt.Sprintf("%.2f", least))...)
}
