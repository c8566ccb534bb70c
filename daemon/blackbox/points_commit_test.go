package blackbox_test

import (
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// TestCrashDuringCommit holds that a daemon which dies when its COMMIT has reached Postgres, and before
// the answer has come back, loses nothing that it has accepted and doubles nothing. Some of those commits
// are of tasks that end: it goes on until one was of a request.
func TestCrashDuringCommit(t *testing.T) {
	t.Parallel()
	s := NewPostgresShop(t, pgtest.URL(t))
	deaths := Scaled(5, 50)
	m := newCrashers(s, 4*deaths)
	for n := 0; n < deaths || n < 4*deaths && m.unansweredStored() == 0; n++ {
		m.crashDuringCommit()
	}
	m.finish()
	stored := m.unansweredStored()
	if stored == 0 {
		t.Error("no request without an answer was stored: no commit was under way")
	}
	Report(t, m.deaths, m.deaths, "acked", m.count(accepted), "unanswered", m.count(unanswered), "unanswered-stored", stored)
}

// unansweredStored counts the requests that were stored without an answer.
func (m *crashers) unansweredStored() (stored int) {
	found := m.tasksByKey()
	for _, r := range m.requests {
		if r.result == unanswered {
			stored += found[r.code]
		}
	}
	return stored
}

// crashDuringCommit lives a life that ends while an answer to a COMMIT is on its way, which takes longer
// than the daemon has.
func (m *crashers) crashDuringCommit() {
	m.Helper()
	p, url := NewProxy(m.T, m.Database)
	d := m.Serve(append([]string{"--database", url}, crashFlags...)...)
	go func() {
		for !d.HasEnded() {
			if _, commits := p.Damage(); commits > 0 {
				d.Kill()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	m.runLife(d, func(int) {
		p.Delay(100 * time.Millisecond)
		p.LoseCommits(true)
	})
	m.Eventually("it dies while it commits", d.HasEnded)
	p.Cut()
	m.lives++
	m.deaths++
}
