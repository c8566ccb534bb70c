package faults_test

import (
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestCrashDuringCommit kills daemons after a COMMIT has reached PostgreSQL, and before the response has come back.
// Accepted requests are neither lost nor doubled. The test repeats this until one of the commits was that of a request.
func TestCrashDuringCommit(t *testing.T) {
	t.Parallel()
	s := harness.NewPostgresShop(t, pgtest.URL(t))
	s.SkipOnCitus("most COMMITs are those of leases there, so the daemon dies at one of these")
	deaths := harness.Scaled(5, 50)
	m := newCrashers(s, 4*deaths)
	for n := 0; n < deaths || n < 4*deaths && m.unansweredStored() == 0; n++ {
		m.crashDuringCommit()
	}
	m.finish()
	stored := m.unansweredStored()
	if stored == 0 {
		t.Error("no request without an answer was stored: no commit was under way")
	}
	harness.Report(t, m.deaths, m.deaths, "acked", m.count(accepted), "unanswered", m.count(unanswered), "unanswered-stored", stored)
}

// unansweredStored counts the requests that were stored without an answer.
func (m *crashers) unansweredStored() (stored int) {
	found := tasksByKey(m.Shop)
	for _, r := range m.requests {
		if r.result == unanswered {
			stored += found[r.code]
		}
	}
	return stored
}

// crashDuringCommit kills a daemon while the response to a COMMIT is on its way.
func (m *crashers) crashDuringCommit() {
	m.Helper()
	p, url := harness.NewProxy(m.T, m.Database)
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

// TestCrashCheckerFindsFaults checks that the checks of the crash tests find a lost or doubled request, and a daemon
// that died at another point.
func TestCrashCheckerFindsFaults(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		m := newCrashers(s, 1)
		m.crashAt("accept.after", 2)
		d := m.Serve(crashFlags...)
		if err := diedAt(d, "accept.after"); err == nil {
			t.Error("a daemon that lives has died at a point")
		}
		m.Eventually("every task ends", func() bool { return len(m.Tasks("--state", "open")) == 0 })
		d.Kill()
		if err := diedAt(d, "accept.after"); err == nil {
			t.Error("a daemon that was killed has died at a point")
		}
		lost := m.deleteTask()
		if faults := strings.Join(m.faults(), "\n"); !strings.Contains(faults, lost) {
			t.Errorf("the task of %s was deleted, and only this was found: %s", lost, faults)
		}
		if r := s.Exec("doctor"); r.Code != 1 {
			t.Error("the doctor finds nothing wrong with a task that is gone")
		}
	})
	for _, c := range []struct {
		crashRequest
		stored, sent int
	}{
		{crashRequest{result: accepted}, 0, 0},
		{crashRequest{result: accepted}, 2, 2},
		{crashRequest{result: accepted}, 1, 2},
		{crashRequest{result: accepted}, 1, 0},
		{crashRequest{result: unanswered}, 2, 2},
		{crashRequest{result: unanswered}, 0, 1},
		{crashRequest{result: declined}, 1, 1},
		{crashRequest{result: accepted, outOfStock: true}, 1, 1},
	} {
		if c.fault(c.stored, c.sent) == "" {
			t.Errorf("nothing is wrong with %+v", c)
		}
	}
}

// deleteTask deletes the task of a stored request, and returns its key.
func (m *crashers) deleteTask() string {
	m.Helper()
	for _, r := range m.requests {
		if tasksByKey(m.Shop)[r.code] == 1 {
			m.requests = []crashRequest{{r.code, r.login, r.outOfStock, accepted}}
			m.OpenDatabase().Edit("DELETE FROM keyseat_tasks WHERE code = '" + r.code + "'")
			return r.code
		}
	}
	m.Fatal("there is no task to lose")
	return ""
}
