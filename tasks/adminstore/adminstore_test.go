package adminstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// now is the time of the store's clock in these tests.
var now = time.Date(2026, 11, 22, 19, 37, 0, 0, time.UTC)

func TestFilter(t *testing.T) {
	for name, c := range map[string]struct {
		task                    tasks.Task
		open, ended, inSuspense bool
	}{
		"waiting": {tasks.Task{Slot: stock.Held}, true, false, false},
		"spent":   {tasks.Task{Slot: stock.Spent, EndedAt: now}, false, true, false},
		"suspect": {tasks.Task{Slot: stock.Suspect, EndedAt: now}, false, true, true},
		"renewed": {tasks.Task{EndedAt: now}, false, true, false},
	} {
		for filter, want := range map[adminstore.TaskFilter]bool{
			adminstore.AnyTask: true, adminstore.OpenTask: c.open, adminstore.EndedTask: c.ended, adminstore.SuspectTask: c.inSuspense, "nonsense": false,
		} {
			if got := filter.Match(c.task); got != want {
				t.Errorf("%s passes %q: %v", name, filter, got)
			}
		}
	}
}

func TestRowError(t *testing.T) {
	var err error = adminstore.RowError{Row: 3, Err: adminstore.ErrExists}
	if got := err.Error(); got != "row 3: the code exists already" || !errors.Is(err, adminstore.ErrExists) {
		t.Error(got)
	}
}

func TestLimitedSaysNoKey(t *testing.T) {
	if got := (tasks.RateLimited{RetryAfter: 1}).Error(); got != "too many tasks for this key" {
		t.Error(got)
	}
}
