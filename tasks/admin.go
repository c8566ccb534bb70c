package tasks

import (
	"errors"

	"github.com/keyseat/keyseat/keys"
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
	return v.changeKey(v.Key.Revoke(), EventRevoked, id)
}

// Restore undoes [Revoke].
func Restore(v Snapshot, id string) (Change, error) {
	return v.changeKey(v.Key.Restore(), EventRestored, id)
}

// Reset makes a key usable again, from any status. The error is [ErrTaskOpen] if the key has an open task.
func Reset(v Snapshot, id string) (Change, error) {
	if v.Key.Exists() && v.openTask() != nil {
		return Change{}, ErrTaskOpen
	}
	return v.changeKey(v.Key.Reset(), EventReset, id)
}

// changeKey returns a change that writes only the key, with one event. The error is [ErrNoKey] if the key does not exist.
func (v Snapshot) changeKey(key keys.Key, event EventType, id string) (Change, error) {
	if !v.Key.Exists() {
		return Change{}, ErrNoKey
	}
	return Change{ID: id, Key: &key, Events: []Event{{At: v.At, Type: event, Code: key.Code}}}, nil
}

// RetryNow makes an open task due now. The snapshot must be of that task. The error is [ErrTaskLeased] if a worker has
// leased the task.
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

// Resolve settles the suspect slot of an ended task. The slot becomes spent if the outcome is [Success], and free for
// any other outcome. If the task is the key's latest task, the key changes accordingly. The snapshot must be of that
// task.
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
	task.Outcome, task.InDoubt = outcome, false
	to := stock.Free
	if outcome == Success {
		to = stock.Spent
	}
	c := task.moveSlot(to, outcome.Fault(), task.Event(EventResolved, v.At), id)
	if v.Key.Task == task.ID {
		key := task.KeyAfter(v.Key, v.At, ConnectorResult{})
		c.Key = &key
	}
	return c, nil
}

// Release makes the spent slot of an ended task free again. An operator calls it after the member has left the plan.
// The key does not change. The snapshot must be of that task.
func Release(v Snapshot, id string) (Change, error) {
	switch {
	case v.Task == nil:
		return Change{}, ErrNoTask
	case v.Task.Slot != stock.Spent:
		return Change{}, ErrNotSpent
	}
	return v.Task.moveSlot(stock.Free, "", v.Task.Event(EventReleased, v.At), id), nil
}

// moveSlot returns a change that moves the task's slot from its present state to the given state.
func (t Task) moveSlot(to stock.State, fault stock.Fault, event Event, id string) Change {
	transfer := t.transfer(to, fault, &event)
	t.Slot = to
	return Change{ID: id, Task: &t, Events: []Event{event}, Transfer: transfer}
}
