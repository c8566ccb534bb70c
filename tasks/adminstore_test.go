package tasks_test

import (
	"errors"
	"testing"
	"time"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// adminNow is the time of the store's clock in these tests.
var adminNow = time.Date(2026, 11, 22, 19, 37, 0, 0, time.UTC)

func TestFilter(t *testing.T) {
	for name, c := range map[string]struct {
		task                    tasks.Task
		open, ended, inSuspense bool
	}{
		"waiting": {tasks.Task{Slot: stock.Held}, true, false, false},
		"spent":   {tasks.Task{Slot: stock.Spent, EndedAt: adminNow}, false, true, false},
		"suspect": {tasks.Task{Slot: stock.Suspect, EndedAt: adminNow}, false, true, true},
		"renewed": {tasks.Task{EndedAt: adminNow}, false, true, false},
	} {
		for filter, want := range map[tasks.TaskFilter]bool{
			tasks.AnyTask: true, tasks.OpenTask: c.open, tasks.EndedTask: c.ended, tasks.SuspectTask: c.inSuspense, "nonsense": false,
		} {
			if got := filter.Match(c.task); got != want {
				t.Errorf("%s passes %q: %v", name, filter, got)
			}
		}
	}
}

func TestRowError(t *testing.T) {
	var err error = tasks.RowError{Row: 3, Err: tasks.ErrExists}
	if got := err.Error(); got != "row 3: the code exists already" || !errors.Is(err, tasks.ErrExists) {
		t.Error(got)
	}
}

func TestLimitedSaysNoKey(t *testing.T) {
	if got := (tasks.RateLimited{RetryAfter: 1}).Error(); got != "too many tasks for this key" {
		t.Error(got)
	}
}
