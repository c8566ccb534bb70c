package audit_test

import (
	"errors"
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/audit"
)

// now is the time of the store's clock in these tests.
var now = time.Date(2026, 11, 22, 19, 37, 0, 0, time.UTC)

// TestExpectedLatest tests which task is the expected latest task of a key.
func TestExpectedLatest(t *testing.T) {
	ended := func(id string, at time.Duration) tasks.Task {
		return tasks.Task{ID: id, CreatedAt: now.Add(at), EndedAt: now.Add(at + 1)}
	}
	open := func(id string, at time.Duration) tasks.Task { return tasks.Task{ID: id, CreatedAt: now.Add(at)} }
	for _, c := range []struct {
		named string
		tasks []tasks.Task
		want  string
	}{
		{"", nil, ""},
		{"gone", nil, ""},
		{"A", []tasks.Task{ended("A", 1)}, "A"},
		{"A", []tasks.Task{ended("A", 1), ended("B", 2)}, "A"},
		{"A", []tasks.Task{ended("A", 1), open("B", 2)}, "B"},
		{"B", []tasks.Task{open("A", 1), ended("B", 2)}, "B"},
		{"A", []tasks.Task{open("A", 1), open("B", 2)}, "A"},
		{"gone", []tasks.Task{ended("A", 1), ended("B", 2)}, "B"},
		{"gone", []tasks.Task{open("A", 1), ended("B", 2)}, "A"},
		{"", []tasks.Task{open("A", 1), open("B", 2)}, "B"},
	} {
		got := ""
		if latest := (audit.Record{Key: keys.Key{Task: c.named}, Tasks: c.tasks}).ExpectedLatest(); latest != nil {
			got = latest.ID
		}
		if got != c.want {
			t.Errorf("of %+v, named %q: %q", c.tasks, c.named, got)
		}
	}
}

// counted returns the audit of a plan of three slots, with its counters and the sums of its moves.
func counted(counters, moves stock.SlotCounts) audit.PlanAudit {
	p := stock.Plan{ID: "elm", Seq: 7, Size: 3, Held: counters.Held, Spent: counters.Spent, Suspect: counters.Suspect}
	return audit.PlanAudit{At: now, Plan: p, Moves: moves}
}

func TestFixCountersOfPlanAudit(t *testing.T) {
	c, err := counted(stock.SlotCounts{Held: 2}, stock.SlotCounts{Held: 1, Spent: 1}).FixCounters("id")
	want := audit.CounterFix{ID: "id", Add: stock.SlotCounts{Held: -1, Spent: 1}, Event: tasks.Event{
		At: now, Type: tasks.EventRepaired, Plan: "elm",
		Note: "the counters were 2 held, 0 spent, 0 suspect and are 1 held, 1 spent, 0 suspect",
	}}
	if err != nil || c != want {
		t.Errorf("%+v, %v", c, err)
	}
	for _, moves := range []stock.SlotCounts{{Held: -1}, {Spent: 2, Suspect: 2}} {
		if _, err := counted(stock.SlotCounts{}, moves).FixCounters("id"); !errors.Is(err, stock.ErrSlotState) {
			t.Errorf("%v slots of three: %v", moves, err)
		}
	}
}

// TestCounterFixAppliesToSameDifference tests that a fix applies as long as the difference between counters and history
// is the same, also after later transfers.
func TestCounterFixAppliesToSameDifference(t *testing.T) {
	c, err := counted(stock.SlotCounts{Held: 1}, stock.SlotCounts{Spent: 1}).FixCounters("id")
	if err != nil {
		t.Fatal(err)
	}
	gone := counted(stock.SlotCounts{Held: 1}, stock.SlotCounts{Spent: 1})
	gone.Plan.Seq = 0
	for _, is := range []struct {
		name  string
		tally audit.PlanAudit
		err   error
	}{
		{"as it was", counted(stock.SlotCounts{Held: 1}, stock.SlotCounts{Spent: 1}), nil},
		{"a slot was held since", counted(stock.SlotCounts{Held: 2}, stock.SlotCounts{Held: 1, Spent: 1}), nil},
		{"corrected already", counted(stock.SlotCounts{Spent: 1}, stock.SlotCounts{Spent: 1}), tasks.ErrConflict},
		{"off by more", counted(stock.SlotCounts{Held: 1}, stock.SlotCounts{Spent: 2}), tasks.ErrConflict},
		{"no such plan", gone, tasks.ErrConflict},
		{"too few slots", counted(stock.SlotCounts{Held: 1, Suspect: 3}, stock.SlotCounts{Spent: 1, Suspect: 3}), stock.ErrSlotState},
	} {
		p, err := c.Apply(is.tally)
		want := is.tally.Plan
		want.Held, want.Spent, want.Suspect = is.tally.Moves.Held, is.tally.Moves.Spent, is.tally.Moves.Suspect
		if !errors.Is(err, is.err) || err == nil && p != want {
			t.Errorf("%s: %+v, %v", is.name, p, err)
		}
	}
}
