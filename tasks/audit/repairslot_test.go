package audit_test

import (
	"reflect"
	"testing"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/audit"
)

// TestRepairSlotMakesHistoryMatch tests that the history matches the task after every repair.
func TestRepairSlotMakesHistoryMatch(t *testing.T) {
	states := []stock.State{stock.Free, stock.Held, stock.Spent, stock.Suspect}
	for _, from := range states {
		for _, to := range states {
			for _, slot := range append(states, "") {
				for i := range 4 {
					task := tasks.Task{ID: "T", Kind: tasks.Upgrade, Plan: tasks.PlanSnapshot{ID: "elm"}, Slot: slot}
					if i%2 == 1 {
						task.EndedAt = now
					}
					r := audit.Record{Tasks: []tasks.Task{task}, Events: []tasks.Event{moved("oak", from, to), moved("elm", "free", from), moved("elm", from, to)}}
					c := r.RepairSlot(task, i > 1, "why", "id")
					r.Events = append(r.Events, c.Events...)
					if history := r.SlotHistory("T"); !history.Matches(*c.Task) || history.OutOfOrder() || len(c.Events) == 0 {
						t.Errorf("%s to %s, the task %q: it is %q, the history says %s", from, to, slot, c.Task.Slot, history)
					}
				}
			}
		}
	}
}

// TestRepairSlotChoosesTaskOrHistory tests whether a repair changes the task or the history. A repair changes the task
// if the counters match the history, and the history otherwise. But if one of them is impossible, a repair changes that
// one.
func TestRepairSlotChoosesTaskOrHistory(t *testing.T) {
	held, spent := moved("elm", "free", "held"), moved("elm", "held", "spent")
	for _, c := range []struct {
		name    string
		events  []tasks.Event
		task    tasks.Task
		counted bool
		slot    stock.State   // the slot of the task after the repair
		added   []tasks.Event // the events that the repair adds to the history
	}{
		{"the history, which is counted", []tasks.Event{held, spent}, upgraded("elm", "suspect"), true, "spent", nil},
		{"the task, as the history is not counted", []tasks.Event{held, spent}, upgraded("elm", "suspect"), false, "suspect", []tasks.Event{moved("elm", "spent", "suspect")}},
		{"not an ended task that holds", []tasks.Event{held, spent}, upgraded("elm", "held"), false, "spent", nil},
		{"not a history that holds for an ended task", []tasks.Event{held}, upgraded("elm", "spent"), true, "spent", []tasks.Event{spent}},
		{"not a history of another plan", []tasks.Event{held, spent}, upgraded("oak", "spent"), true, "spent", []tasks.Event{moved("elm", "spent", "free"), moved("oak", "free", "spent")}},
		{"not a history of two slots", []tasks.Event{held, held}, upgraded("elm", "spent"), true, "spent", []tasks.Event{spent, moved("elm", "held", "free")}},
		{"a history of no slot", nil, upgraded("elm", "spent"), true, "free", nil},
		{"a history of no slot, nor was there a plan", nil, upgraded("", "spent"), true, "", nil},
		{"both, but for the order of the moves", []tasks.Event{held, held, spent, moved("elm", "held", "free")}, upgraded("elm", "spent"), true, "spent", nil},
		{"both, of a slot that never was", []tasks.Event{moved("elm", "held", "free"), held}, upgraded("elm", ""), true, "", nil},
	} {
		change := audit.Record{At: now, Code: "CODE", Tasks: []tasks.Task{c.task}, Events: c.events}.RepairSlot(c.task, c.counted, "why", "id")
		task, want := c.task, []tasks.Event{{}}
		if task.Slot = c.slot; c.added != nil {
			want = c.added
		}
		for i := range want {
			want[i] = tasks.Event{
				At: now, Type: tasks.EventRepaired, Code: "CODE", Task: "T", Kind: tasks.Upgrade, Outcome: tasks.Success,
				Plan: want[i].Plan, From: want[i].From, To: want[i].To, Note: "why",
			}
		}
		if !reflect.DeepEqual(change, tasks.Change{ID: "id", Task: &task, Events: want}) {
			t.Errorf("%s: task %+v, events %+v", c.name, *change.Task, change.Events)
		}
	}
}

// upgraded returns an ended upgrade with the given slot.
func upgraded(plan string, slot stock.State) tasks.Task {
	return tasks.Task{ID: "T", Code: "CODE", Kind: tasks.Upgrade, Plan: tasks.PlanSnapshot{ID: plan}, Slot: slot, EndedAt: now, Outcome: tasks.Success}
}
