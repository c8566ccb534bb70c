package adminstore_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// now is the time of the store's clock in these tests.
var now = time.Date(2026, 11, 22, 19, 37, 0, 0, time.UTC)

func TestTaskStates(t *testing.T) {
	for name, c := range map[string]struct {
		task   tasks.Task
		states []adminstore.TaskState
	}{
		"waiting":  {tasks.Task{Slot: stock.Held}, []adminstore.TaskState{adminstore.OpenTask, adminstore.WaitingTask}},
		"running":  {tasks.Task{LeasedUntil: now, Attempts: 1}, []adminstore.TaskState{adminstore.OpenTask, adminstore.RunningTask}},
		"retrying": {tasks.Task{LostLeases: 1}, []adminstore.TaskState{adminstore.OpenTask, adminstore.RetryingTask}},
		"spent":    {tasks.Task{Slot: stock.Spent, EndedAt: now, Outcome: tasks.Success}, []adminstore.TaskState{adminstore.EndedTask}},
		"suspect": {
			tasks.Task{Slot: stock.Suspect, EndedAt: now, Outcome: tasks.SystemError},
			[]adminstore.TaskState{adminstore.EndedTask, adminstore.FailedTask, adminstore.SuspectTask},
		},
	} {
		for _, state := range append(adminstore.TaskStates(), adminstore.AnyTask, "nonsense") {
			want := state == adminstore.AnyTask || slices.Contains(c.states, state)
			if got := state.Match(c.task); got != want {
				t.Errorf("%s is %q: %v", name, state, got)
			}
		}
	}
}

// TestParseSearch parses texts as people type them. Without prefixes, a search finds a code by the whole code or by its
// end.
func TestParseSearch(t *testing.T) {
	for text, want := range map[string]string{
		"":               "[] [] []",
		" \u200b":        "[] [] []",
		"order 7":        "[order+7] [order 7 0RDER-7] []",
		"…gj5ka ":        "[gj5ka] [gj5ka GJ5KA] [gj5ka GJ5KA]",
		"0v3xk-9q":       "[0v3xk-9q] [0v3xk-9q 0V3XK-9Q] []",
		"hello":          "[hello] [hello HE110] [hello HE110]",
		"0V3XK-9QZ7M-1U": "[0V3XK-9QZ7M-1U] [0V3XK-9QZ7M-1U] []",
	} {
		whole, masked := adminstore.ParseSearch(text, true, 20), adminstore.ParseSearch(text, false, 20)
		if got := fmt.Sprint(whole.Codes, whole.Prefixes, whole.Ends); got != want || len(masked.Prefixes) > 0 {
			t.Errorf("%q: %s, %v", text, got, masked)
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
