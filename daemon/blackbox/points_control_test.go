package blackbox_test

import (
	"strings"
	"testing"
)

// TestCrashCheckerFindsFaults holds that what the tests of crashes look for is found where it is: an
// accepted task that is gone, a request that has become two, a daemon that has died elsewhere.
func TestCrashCheckerFindsFaults(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
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
		stored, asked int
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
		if c.fault(c.stored, c.asked) == "" {
			t.Errorf("nothing is wrong with %+v", c)
		}
	}
}

// deleteTask deletes by hand the task of a request that is stored, and gives its key.
func (m *crashers) deleteTask() string {
	m.Helper()
	for _, r := range m.requests {
		if m.tasksByKey()[r.code] == 1 {
			m.requests = []crashRequest{{r.code, r.login, r.outOfStock, accepted}}
			m.OpenDatabase().Edit("DELETE FROM keyseat_tasks WHERE code = '" + r.code + "'")
			return r.code
		}
	}
	m.Fatal("there is no task to lose")
	return ""
}
