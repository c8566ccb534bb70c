package blackbox_test

import (
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// TestDeathMidCommit holds that a daemon which dies when its COMMIT has reached Postgres, and before
// the answer has come back, loses nothing that it has accepted and doubles nothing. Some of those commits
// are of tasks that end: it goes on until one was of a request.
func TestDeathMidCommit(t *testing.T) {
	t.Parallel()
	s := onPostgres(t, pgtest.URL(t))
	deaths := figure(5, 50)
	m := newMortals(s, 4*deaths)
	for n := 0; n < deaths || n < 4*deaths && m.unheard() == 0; n++ {
		m.diesMidCommit()
	}
	m.settled()
	stored := m.unheard()
	if stored == 0 {
		t.Error("no request without an answer was stored: no commit was under way")
	}
	tried(t, m.deaths, m.deaths, "acked", m.count(acked), "unanswered", m.count(unanswered), "unanswered-stored", stored)
}

// unheard counts the requests that were stored without an answer.
func (m *mortals) unheard() (stored int) {
	found := m.stored()
	for _, r := range m.requests {
		if r.answered == unanswered {
			stored += found[r.code]
		}
	}
	return stored
}

// diesMidCommit lives a life that ends while an answer to a COMMIT is on its way, which takes longer
// than the daemon has.
func (m *mortals) diesMidCommit() {
	m.Helper()
	p, url := newProxy(m.T, m.database)
	d := m.serve(append([]string{"--database", url}, mortalFlags...)...)
	go func() {
		for !d.over() {
			if _, commits := p.harm(); commits > 0 {
				d.kill()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	m.live(d, func(int) {
		p.slow(100 * time.Millisecond)
		p.loseCommits(true)
	})
	m.until("it dies while it commits", d.over)
	p.cut()
	m.lives++
	m.deaths++
}
