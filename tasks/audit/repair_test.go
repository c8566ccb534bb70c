package audit_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/audit"
)

// TestRepairStatus tests the repair of a key whose status does not match its field Used.
func TestRepairStatus(t *testing.T) {
	success := tasks.Task{ID: "T", Kind: tasks.Upgrade, Outcome: tasks.Success, EndedAt: now}
	ended, reset := tasks.Event{Type: tasks.EventEnded, Task: "T"}, tasks.Event{Type: tasks.EventReset}
	released := tasks.Event{Type: tasks.EventReleased, Task: "T"}
	resolved := tasks.Event{Type: tasks.EventResolved, Task: "an earlier task"}
	for _, c := range []struct {
		name   string
		tasks  []tasks.Task
		events []tasks.Event
		key    keys.Key
		status keys.Status
		used   bool
	}{
		{"its task", []tasks.Task{success}, []tasks.Event{ended}, keys.Key{Task: "T", Status: keys.FailedUpgrade, Used: true}, keys.Success, true},
		{"its reset", []tasks.Task{success}, []tasks.Event{ended, reset}, keys.Key{Task: "T", Status: keys.Success}, keys.Active, false},
		{"a release changes neither", []tasks.Task{success}, []tasks.Event{ended, reset, released}, keys.Key{Task: "T", Status: keys.Success}, keys.Active, false},
		{"an earlier task changes neither", []tasks.Task{success}, []tasks.Event{ended, reset, resolved}, keys.Key{Task: "T", Status: keys.Success}, keys.Active, false},
		{"a reset before the task", []tasks.Task{success}, []tasks.Event{reset, ended}, keys.Key{Task: "T", Status: keys.Success}, keys.Success, true},
		{"its status", nil, nil, keys.Key{Status: keys.Failed}, keys.Failed, true},
		{"nothing", nil, nil, keys.Key{Status: "eaten", Used: true}, keys.Active, true},
	} {
		change := audit.Record{Key: c.key, Tasks: c.tasks, Events: c.events}.RepairStatus("why", "id")
		if k := change.Key; k.Status != c.status || k.Used != c.used || !k.Status.AllowsUsed(k.Used) || change.Events[0].Type != tasks.EventRepaired {
			t.Errorf("%s: %+v", c.name, k)
		}
	}
}

const systemError = "System error, try again and if the problem persists contact support"

// TestRepairLatestTask tests the repair of a key that does not match its tasks.
func TestRepairLatestTask(t *testing.T) {
	before := now.Add(-time.Hour)
	open := tasks.Task{ID: "T", Kind: tasks.Renew, CreatedAt: now}
	done := tasks.Task{ID: "T", Kind: tasks.Upgrade, Plan: tasks.PlanSnapshot{Address: "street"}, Outcome: tasks.Success, EndedAt: before}
	failed := tasks.Task{ID: "T", Kind: tasks.Renew, Outcome: tasks.SystemError, EndedAt: before}
	earlier := tasks.Task{ID: "old", Kind: tasks.Upgrade, Outcome: tasks.Success, EndedAt: before}
	for _, c := range []struct {
		name  string
		key   keys.Key
		tasks []tasks.Task
		want  keys.Key
	}{
		{
			"waits for an upgrade that is lost",
			keys.Key{Status: keys.InQueue, Task: "lost"},
			nil,
			keys.Key{Status: keys.FailedUpgrade, Message: systemError},
		},
		{
			"waits for a renew that is lost",
			keys.Key{Status: keys.InQueue, Used: true, Task: "lost", Username: "ann"},
			nil,
			keys.Key{Status: keys.Failed, Used: true, Message: systemError, Username: "ann"},
		},
		{
			"names a task that is lost",
			keys.Key{Status: keys.Active, Message: "hello", Task: "lost"},
			nil,
			keys.Key{Status: keys.Active, Message: "hello"},
		},
		{
			"does not wait for its open task",
			keys.Key{Status: keys.Failed, Used: true, Message: "failed", Task: "T"},
			[]tasks.Task{open},
			keys.Key{Status: keys.InQueue, Used: true, Task: "T"},
		},
		{
			"names an earlier task",
			keys.Key{Status: keys.Success, Used: true, Task: "old"},
			[]tasks.Task{earlier, open},
			keys.Key{Status: keys.InQueue, Used: true, Task: "T"},
		},
		{
			"waits for an upgrade that has succeeded",
			keys.Key{Status: keys.InQueue, Task: "T"},
			[]tasks.Task{done},
			keys.Key{Status: keys.Success, Used: true, Task: "T", UsedDate: before, VerifyAddress: "street"},
		},
		{
			"waits for a renew that has failed",
			keys.Key{Status: keys.InQueue, Used: true, Task: "T"},
			[]tasks.Task{earlier, failed},
			keys.Key{Status: keys.Failed, Used: true, Message: systemError, Task: "T"},
		},
		{
			"does not name its ended task",
			keys.Key{Status: keys.Active, Message: "reset"},
			[]tasks.Task{done},
			keys.Key{Status: keys.Active, Message: "reset", Task: "T"},
		},
	} {
		c.key.Code, c.key.Version, c.want.Code, c.want.Version = "CODE", 5, "CODE", 5
		got := audit.Record{At: now, Code: "CODE", Key: c.key, Tasks: c.tasks}.RepairLatestTask("why", "id")
		repaired(t, c.name, got, tasks.Change{ID: "id", Key: &c.want, Events: []tasks.Event{{At: now, Type: tasks.EventRepaired, Code: "CODE", Note: "why"}}})
	}
}

// repairEvent returns the event of a repair of the given task.
func repairEvent(k tasks.Task) tasks.Event {
	return tasks.Event{At: now, Type: tasks.EventRepaired, Code: "CODE", Task: k.ID, Kind: k.Kind, Outcome: k.Outcome, Note: "why"}
}

func repaired(t *testing.T, name string, got, want tasks.Change) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v, key %+v, task %+v\nwant %+v, key %+v, task %+v", name, got, got.Key, got.Task, want, want.Key, want.Task)
	}
}
