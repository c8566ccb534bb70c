package blackbox_test

import (
	"strings"
	"testing"
)

// TestCrashPointsAreChecked holds that what the tests of crashes look for is found where it is: an
// accepted task that is gone, a request that has become two, a daemon that has died elsewhere.
func TestCrashPointsAreChecked(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		m := newMortals(s, 1)
		m.dies("accept.after", 2)
		d := m.serve(mortalFlags...)
		if err := diedAt(d, "accept.after"); err == nil {
			t.Error("a daemon that lives has died at a point")
		}
		m.until("every task ends", func() bool { return len(m.tasks("--state", "open")) == 0 })
		d.kill()
		if err := diedAt(d, "accept.after"); err == nil {
			t.Error("a daemon that was killed has died at a point")
		}
		lost := m.lose()
		if faults := strings.Join(m.faults(), "\n"); !strings.Contains(faults, lost) {
			t.Errorf("the task of %s was deleted, and only this was found: %s", lost, faults)
		}
		if r := s.cli("doctor"); r.code != 1 {
			t.Error("the doctor finds nothing wrong with a task that is gone")
		}
	})
	for _, c := range []struct {
		request
		stored, asked int
	}{
		{request{answered: acked}, 0, 0},
		{request{answered: acked}, 2, 2},
		{request{answered: acked}, 1, 2},
		{request{answered: acked}, 1, 0},
		{request{answered: unanswered}, 2, 2},
		{request{answered: unanswered}, 0, 1},
		{request{answered: declined}, 1, 1},
		{request{answered: acked, short: true}, 1, 1},
	} {
		if c.fault(c.stored, c.asked) == "" {
			t.Errorf("nothing is wrong with %+v", c)
		}
	}
}

// lose deletes by hand the task of a request that is stored, and gives its key.
func (m *mortals) lose() string {
	m.Helper()
	for _, r := range m.requests {
		if m.stored()[r.code] == 1 {
			m.requests = []request{{r.code, r.login, r.short, acked}}
			m.operate().do("DELETE FROM keyseat_tasks WHERE code = '" + r.code + "'")
			return r.code
		}
	}
	m.Fatal("there is no task to lose")
	return ""
}
