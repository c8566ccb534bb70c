package audit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/audit"
)

// TestFailTask tests the slot state after [audit.Record.FailTask], and in which cases the key changes too.
func TestFailTask(t *testing.T) {
	for _, c := range []struct {
		name  string
		kind  tasks.Kind
		task  tasks.Task // the fields of the task that differ between the cases
		tries int
		doubt bool
		slot  stock.State
	}{
		{"no attempt", tasks.Upgrade, tasks.Task{}, 0, false, stock.Free},
		{"two attempts without effect", tasks.Upgrade, tasks.Task{CountedAttempts: 2}, 2, false, stock.Free},
		{"two attempts, in doubt", tasks.Upgrade, tasks.Task{CountedAttempts: 2, InDoubt: true}, 2, true, stock.Suspect},
		{"an expired lease", tasks.Upgrade, tasks.Task{LeasedUntil: now.Add(-time.Hour)}, 1, true, stock.Suspect},
		{"two lost leases", tasks.Upgrade, tasks.Task{LeasedUntil: now.Add(-time.Hour), LostLeases: 1}, 2, true, stock.Suspect},
		{"a renew", tasks.Renew, tasks.Task{InDoubt: true}, 0, true, ""},
	} {
		for _, key := range []keys.Key{
			{Status: keys.InQueue, Task: "T"}, {Status: keys.InQueue, Task: "later"}, {Status: keys.Active, Task: "T"},
		} {
			task := c.task
			task.ID, task.Code, task.Kind, task.Country, task.Sealed = "T", "CODE", c.kind, "US", []byte("sealed")
			if c.slot != "" {
				task.Plan, task.Slot = tasks.PlanSnapshot{ID: "elm"}, stock.Held
			}
			key.Code, key.Version, key.Used = "CODE", 5, c.kind == tasks.Renew
			got := audit.Record{At: now, Code: "CODE", Key: key, Tasks: []tasks.Task{task}}.FailTask(task, "why", "id")

			task.Attempts, task.CountedAttempts, task.LostLeases, task.InDoubt = c.tries-c.task.CountedAttempts, c.tries, 0, c.doubt
			task.EndedAt, task.Outcome, task.Slot, task.Sealed = now, tasks.SystemError, c.slot, nil
			event := tasks.Event{At: now, Type: tasks.EventRepaired, Code: "CODE", Task: "T", Kind: c.kind, Outcome: tasks.SystemError, Note: "why"}
			want := tasks.Change{ID: "id", Task: &task, Events: []tasks.Event{event, event}}
			ended := &want.Events[1]
			ended.Type, ended.Note = tasks.EventEnded, ""
			if c.slot != "" {
				want.Transfer = &stock.Transfer{Plan: "elm", Country: "US", From: stock.Held, To: c.slot}
				ended.Plan, ended.From, ended.To = "elm", stock.Held, c.slot
			}
			if key.Status == keys.InQueue && key.Task == "T" {
				key.Message, key.Status = systemError, keys.FailedUpgrade
				if key.Used {
					key.Status = keys.Failed
				}
				want.Key = &key
			}
			repaired(t, fmt.Sprintf("%s, the key is %s of %s", c.name, key.Status, key.Task), got, want)
		}
	}
}

// TestCloseHold tests the repair of an ended task that holds a slot. The slot becomes spent after a success, and
// otherwise suspect.
func TestCloseHold(t *testing.T) {
	for _, outcome := range []tasks.Outcome{
		"success", "system_error", "invalid_credentials", "account_locked", "out_of_stock", "already_premium",
		"upgraded_recently", "plan_expired", "plan_full", "plan_invalid", "already_member", "wrong_address",
	} {
		v := suspectSlot()
		v.Task.Outcome, v.Task.Slot = outcome, stock.Held
		got := audit.Record{At: now, Code: "CODE", Key: v.Key}.CloseHold(*v.Task, "why", "id")

		task := *v.Task
		if task.Slot = stock.Suspect; outcome == tasks.Success {
			task.Slot = stock.Spent
		}
		event := repairEvent(task)
		event.Plan, event.From, event.To = "elm", stock.Held, task.Slot
		repaired(t, string(outcome), got, tasks.Change{
			ID: "id", Task: &task, Events: []tasks.Event{event},
			Transfer: &stock.Transfer{Plan: "elm", Country: "US", From: stock.Held, To: task.Slot},
		})
	}
}

func TestEraseSecret(t *testing.T) {
	task := *suspectSlot().Task
	task.Sealed = []byte("sealed")
	got := audit.Record{At: now, Code: "CODE"}.EraseSecret(task, "why", "id")
	task.Sealed = nil
	repaired(t, "a secret", got, tasks.Change{ID: "id", Task: &task, Events: []tasks.Event{repairEvent(task)}})
}

// TestExpireLease tests that an expired lease counts as lost, unlike a lease that was returned.
func TestExpireLease(t *testing.T) {
	task := tasks.Task{ID: "T", Code: "CODE", Kind: tasks.Renew, Version: 3, Fence: 2, LostLeases: 1, LeasedUntil: now.Add(-time.Hour), Sealed: []byte("sealed")}
	got := audit.Record{At: now, Code: "CODE"}.ExpireLease(task, "why", "id")
	task.LeasedUntil, task.LostLeases = time.Time{}, 2
	repaired(t, "a lease", got, tasks.Change{ID: "id", Task: &task, Events: []tasks.Event{repairEvent(task)}})
}

// suspectSlot returns an ended task with a suspect slot. It is the latest task of its key.
func suspectSlot() tasks.Snapshot {
	return tasks.Snapshot{
		At:  now,
		Key: keys.Key{Code: "CODE", Version: 8, Status: keys.FailedUpgrade, Task: "T", Message: systemError},
		Task: &tasks.Task{
			ID: "T", Code: "CODE", Kind: tasks.Upgrade, Country: "US", Version: 3, Fence: 2, Ordinal: 2, InDoubt: true,
			Plan: tasks.PlanSnapshot{ID: "elm", Address: "street"}, Slot: stock.Suspect,
			EndedAt: now.Add(-time.Hour), Outcome: tasks.SystemError,
		},
	}
}
