package tasks

import (
	"errors"

	"github.com/keyseat/keyseat/stock"
)

// What an operator's decisions can be refused for.
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

// Revoke withdraws a key. Its open task runs to its end.
func Revoke(v Snapshot, id string) (Change, error) {
	if !v.Key.Exists() {
		return Change{}, ErrNoKey
	}
	key := v.Key.Revoke()
	return Change{ID: id, Key: &key, Events: []Event{{At: v.At, Type: EventRevoked, Code: key.Code}}}, nil
}

// Restore makes a revoked key what it was.
func Restore(v Snapshot, id string) (Change, error) {
	if !v.Key.Exists() {
		return Change{}, ErrNoKey
	}
	key := v.Key.Restore()
	return Change{ID: id, Key: &key, Events: []Event{{At: v.At, Type: EventRestored, Code: key.Code}}}, nil
}

// Reset makes a key usable again, whatever it was; only an open task must end first.
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

// RetryNow makes the view's open task due now. The view is of that task.
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
	return Change{ID: id, Task: &task, Events: []Event{task.event(EventRetryNow, v.At)}}, nil
}

// Resolve settles the suspect slot of an ended task: as spent for success, free for any other
// outcome. The key follows if the task is its latest. The view is of that task.
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
	event := task.event(EventResolved, v.At)
	event.Plan, event.From, event.To = task.Plan.ID, stock.Suspect, task.Slot
	c := Change{ID: id, Task: &task, Events: []Event{event}, Transfer: &stock.Transfer{
		Plan: task.Plan.ID, Country: task.Country, From: stock.Suspect, To: task.Slot, Fault: outcome.Fault(),
	}}
	if v.Key.Task == task.ID {
		key := task.keyAfter(v.Key, v.At, ConnectorResult{})
		c.Key = &key
	}
	return c, nil
}

// Release gives back the slot that an ended task has spent, since the member has left the plan. The
// key stays as it is. The view is of that task.
func Release(v Snapshot, id string) (Change, error) {
	switch {
	case v.Task == nil:
		return Change{}, ErrNoTask
	case v.Task.Slot != stock.Spent:
		return Change{}, ErrNotSpent
	}
	task := *v.Task
	task.Slot = stock.Free
	event := task.event(EventReleased, v.At)
	event.Plan, event.From, event.To = task.Plan.ID, stock.Spent, stock.Free
	return Change{ID: id, Task: &task, Events: []Event{event}, Transfer: &stock.Transfer{
		Plan: task.Plan.ID, Country: task.Country, From: stock.Spent, To: stock.Free,
	}}, nil
}
