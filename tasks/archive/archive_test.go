package archive_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/archive"
	"github.com/keyseat/keyseat/tasks/audit"
)

// now is the time of the store's clock in these tests.
var now = time.Date(2026, 11, 22, 19, 37, 0, 0, time.UTC)

// life returns a record with a failed upgrade (T1), an upgrade (T2) and a renew (T3), long before now.
func life() audit.Record {
	long := now.Add(-2 * archive.MinAge)
	task := func(id string, kind tasks.Kind, o tasks.Outcome, plan string, slot stock.State) tasks.Task {
		return tasks.Task{ID: id, Code: "CODE", Version: 2, Kind: kind, Plan: tasks.PlanSnapshot{ID: plan}, Slot: slot, CreatedAt: long, EndedAt: long, Outcome: o}
	}
	event := func(cause tasks.EventType, of tasks.Task, from, to stock.State) tasks.Event {
		e := tasks.Event{At: long, Type: cause, Code: "CODE", Task: of.ID, Kind: of.Kind, From: from, To: to}
		if to != "" {
			e.Plan = of.Plan.ID
		}
		return e
	}
	t1 := task("T1", tasks.Upgrade, tasks.WrongAddress, "elm", stock.Free)
	t2 := task("T2", tasks.Upgrade, tasks.Success, "oak", stock.Spent)
	t3 := task("T3", tasks.Renew, tasks.Success, "", "")
	return audit.Record{
		At: now, Code: "CODE", Key: keys.Key{Code: "CODE", Version: 7, Status: keys.SuccessRenew, Task: "T3"},
		Tasks: []tasks.Task{t1, t2, t3},
		Events: []tasks.Event{
			{At: long, Type: tasks.EventIssued, Code: "CODE"},
			event(tasks.EventAccepted, t1, stock.Free, stock.Held), event(tasks.EventEnded, t1, stock.Held, stock.Free),
			event(tasks.EventAccepted, t2, stock.Free, stock.Held), event(tasks.EventEnded, t2, stock.Held, stock.Spent),
			event(tasks.EventAccepted, t3, "", ""), event(tasks.EventEnded, t3, "", ""),
		},
	}
}

func TestArchive(t *testing.T) {
	c, found := archive.Decide(life(), now.Add(-archive.MinAge), "id")
	want := archive.Plan{ID: "id", Code: "CODE", Lines: 7, Tasks: []string{"T1"}, Summary: []tasks.Event{
		{At: now, Type: tasks.EventArchived, Code: "CODE", Task: "T2", Kind: tasks.Upgrade, Outcome: tasks.Success, Plan: "oak", From: stock.Free, To: stock.Spent},
		{At: now, Type: tasks.EventArchived, Code: "CODE", Task: "T3", Kind: tasks.Renew, Outcome: tasks.Success, Note: "7 history entries until " + now.Add(-2*archive.MinAge).Format(time.RFC3339) + ", 1 tasks"},
	}}
	if !found || fmt.Sprintf("%+v", c) != fmt.Sprintf("%+v", want) {
		t.Errorf("got %+v, %v", c, found)
	}
}

// TestWhatIsNotArchived tests that a record which may still be needed is not archived.
func TestWhatIsNotArchived(t *testing.T) {
	before := now.Add(-archive.MinAge)
	for name, change := range map[string]func(r *audit.Record){
		"an event at that time":     func(r *audit.Record) { r.Events[6].At = before },
		"an event of yesterday":     func(r *audit.Record) { before, r.Events[6].At = now, now.Add(-24*time.Hour) },
		"an open task":              func(r *audit.Record) { r.Tasks[2].EndedAt = time.Time{} },
		"a suspect slot":            func(r *audit.Record) { r.Tasks[1].Slot, r.Events[4].To = stock.Suspect, stock.Suspect },
		"a slot that is elsewhere":  func(r *audit.Record) { r.Tasks[1].Slot = stock.Free },
		"a task that was lost":      func(r *audit.Record) { r.Tasks = r.Tasks[1:] },
		"a move of no task":         func(r *audit.Record) { r.Events[0].Plan, r.Events[0].To = "elm", stock.Spent },
		"a task that is not read":   func(r *audit.Record) { r.Unreadable = []string{"T0"} },
		"a key that was lost":       func(r *audit.Record) { r.Key = keys.Key{} },
		"a key that stands by that": func(r *audit.Record) { r.Events = append(r.Events, tasks.Event{Type: tasks.EventReset}) },
		"a key that was never used": func(r *audit.Record) { r.Key.Task, r.Tasks, r.Events = "", nil, r.Events[:1] },
		"one that was archived": func(r *audit.Record) {
			c, _ := archive.Decide(*r, before, "id")
			r.Tasks, r.Events = r.Tasks[1:], c.Summary
			r.At = now.Add(2 * archive.MinAge)
			before = r.At
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := life()
			before = now.Add(-archive.MinAge)
			change(&r)
			if c, found := archive.Decide(r, before, "id"); found {
				t.Errorf("got %+v", c)
			}
		})
	}
}
