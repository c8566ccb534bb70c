package tasks

import (
	"errors"

	"github.com/keyseat/keyseat/stock"
)

// The errors of an operator's decisions.
var (
	ErrNoKey      = errors.New("there is no such key")
	ErrNoTask     = errors.New("there is no such task")
	ErrTaskOpen   = errors.New("the key has an open task: wait until it has ended")
	ErrTaskEnded  = errors.New("the task has ended")
	ErrTaskLeased = errors.New("the provider is carrying this task out right now: try again in a moment")
	ErrNotSuspect = errors.New("the task has no suspect slot")
	ErrNotSpent   = errors.New("the task has spent no slot")
	ErrOutcome    = errors.New("a task of this kind has no such outcome")
)

// Revoke withdraws a key. An open task of the key continues until it ends.
func Revoke(v Snapshot, id string) (Change, error) {
	if !v.Key.Exists() {
		return Change{}, ErrNoKey
	}
	key := v.Key.Revoke()
	return Change{ID: id, Key: &key, Events: []Event{{At: v.At, Type: EventRevoked, Code: key.Code}}}, nil
}

// Restore undoes [Revoke].
func Restore(v Snapshot, id string) (Change, error) {
	if !v.Key.Exists() {
		return Change{}, ErrNoKey
	}
	key := v.Key.Restore()
	return Change{ID: id, Key: &key, Events: []Event{{At: v.At, Type: EventRestored, Code: key.Code}}}, nil
}

// Reset makes a key usable again, from any status. The error is [ErrTaskOpen] if the key has an open task.
func Reset(v Snapshot, id string) (Change, error) {
	switch {
	case !v.Key.Exists():
		return Change{}, ErrNoKey
	case v.openTask() != nil:
		return Change{}, ErrTaskOpen
	}
	key := v.Key.Reset()
	return Change{ID: id, Key: &key, Events: []Event{{At: v.At, Type: EventReset, Code: key.Code}}}, nil
}

// RetryNow makes an open task due now. The snapshot must be of that task. The error is [ErrTaskLeased] if
// a worker has leased the task.
func RetryNow(v Snapshot, id string) (Change, error) {
	switch {
	case v.Task == nil:
		return Change{}, ErrNoTask
	case !v.Task.Open():
		return Change{}, ErrTaskEnded
	case !v.Task.LeasedUntil.IsZero():
		return Change{}, ErrTaskLeased
	}
	task := *v.Task
	task.DueAt = v.At
	return Change{ID: id, Task: &task, Events: []Event{task.Event(EventRetryNow, v.At)}}, nil
}

// Resolve settles the suspect slot of an ended task. The slot becomes spent if the outcome is [Success],
// and free for any other outcome. The key changes accordingly if the task is its latest. The snapshot
// must be of that task.
func Resolve(v Snapshot, outcome Outcome, id string) (Change, error) {
	switch {
	case v.Task == nil:
		return Change{}, ErrNoTask
	case v.Task.Slot != stock.Suspect:
		return Change{}, ErrNotSuspect
	case !outcome.Fits(v.Task.Kind):
		return Change{}, ErrOutcome
	}
	task := *v.Task
	task.Outcome, task.Slot, task.InDoubt = outcome, stock.Free, false
	if outcome == Success {
		task.Slot = stock.Spent
	}
	event := task.Event(EventResolved, v.At)
	event.Plan, event.From, event.To = task.Plan.ID, stock.Suspect, task.Slot
	c := Change{ID: id, Task: &task, Events: []Event{event}, Transfer: &stock.Transfer{
		Plan: task.Plan.ID, Country: task.Country, From: stock.Suspect, To: task.Slot, Fault: outcome.Fault(),
	}}
	if v.Key.Task == task.ID {
		key := task.KeyAfter(v.Key, v.At, ConnectorResult{})
		c.Key = &key
	}
	return c, nil
}

// Release makes the spent slot of an ended task free again, after the member has left the plan. The key
// does not change. The snapshot must be of that task.
func Release(v Snapshot, id string) (Change, error) {
	switch {
	case v.Task == nil:
		return Change{}, ErrNoTask
	case v.Task.Slot != stock.Spent:
		return Change{}, ErrNotSpent
	}
	task := *v.Task
	task.Slot = stock.Free
	event := task.Event(EventReleased, v.At)
	event.Plan, event.From, event.To = task.Plan.ID, stock.Spent, stock.Free
	return Change{ID: id, Task: &task, Events: []Event{event}, Transfer: &stock.Transfer{
		Plan: task.Plan.ID, Country: task.Country, From: stock.Spent, To: stock.Free,
	}}, nil
}
