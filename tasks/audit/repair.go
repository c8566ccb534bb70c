package audit

import (
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// The repairs are decisions on an inconsistent [Record]. The first event of each repair has the type
// [tasks.EventRepaired] and the argument note as its note. A repair that ends a task also has an event of the type
// [tasks.EventEnded]. Every transfer of a slot is recorded in one of the events.

// repair returns a change of the record's key or task, or of both, with the event of the repair.
func (r Record) repair(key *keys.Key, task *tasks.Task, note, id string) tasks.Change {
	event := tasks.Event{At: r.At, Type: tasks.EventRepaired, Code: r.Code, Note: note}
	if task != nil {
		event = task.Event(tasks.EventRepaired, r.At)
		event.Note = note
	}
	return tasks.Change{ID: id, Key: key, Task: task, Events: []tasks.Event{event}}
}

// RepairLatestTask makes [Record.ExpectedLatest] the key's latest task. The key becomes in_queue if that task is open.
// If the task has ended and the key is in_queue, the key gets the status that follows from the outcome of the task. If
// there is no task and the key is in_queue, the key gets the status after a failed task.
func (r Record) RepairLatestTask(note, id string) tasks.Change {
	key, latest := r.Key, r.ExpectedLatest()
	switch {
	case latest == nil && key.Status == keys.InQueue:
		lost := tasks.Task{Kind: tasks.Upgrade, Outcome: tasks.SystemError}
		if key.Used { // an open task of a used key can only be a renew
			lost.Kind = tasks.Renew
		}
		key = lost.KeyAfter(key, r.At, tasks.ConnectorResult{})
	case latest != nil && latest.Open():
		key = key.Enqueue(latest.ID)
	case latest != nil && key.Status == keys.InQueue:
		key = latest.KeyAfter(key, latest.EndedAt, tasks.ConnectorResult{})
	}
	key.Task = ""
	if latest != nil {
		key.Task = latest.ID
	}
	return r.repair(&key, nil, note, id)
}

// RepairStatus sets the key's status and Used. If the key was reset after its latest task, both get their values after
// a reset. Otherwise, if the latest task has ended, both get their values after that task. In all other cases Used
// changes to fit the status, or an unknown status becomes active.
func (r Record) RepairStatus(note, id string) tasks.Change {
	key, latest := r.Key, r.ExpectedLatest()
	switch {
	case r.WasReset(latest):
		key = key.Apply(keys.Reset, "")
	case latest != nil && !latest.Open():
		done := latest.KeyAfter(key, latest.EndedAt, tasks.ConnectorResult{})
		key.Status, key.Used, key.Message = done.Status, done.Used, done.Message
	case key.Status.AllowsUsed(!key.Used):
		key.Used = !key.Used
	default:
		key.Status, key.Message = keys.Active, ""
	}
	return r.repair(&key, nil, note, id)
}

// WasReset reports whether the key was reset after the given task was last accepted, ended or resolved. If latest is
// nil, WasReset reports whether the key was reset after the last such event of any task.
func (r Record) WasReset(latest *tasks.Task) bool {
	reset := false
	for _, e := range r.Events {
		switch e.Type { //nolint:exhaustive // the other events leave the key as it is
		case tasks.EventReset:
			reset = true
		case tasks.EventAccepted, tasks.EventEnded, tasks.EventResolved:
			reset = reset && latest != nil && e.Task != latest.ID
		}
	}
	return reset
}

// FailTask ends an open task like a task without attempts left. The slot becomes suspect if an attempt may have had an
// effect, and free otherwise. The key changes too if the task is the key's latest task and the key is in_queue.
func (r Record) FailTask(t tasks.Task, note, id string) tasks.Change {
	if !t.LeasedUntil.IsZero() {
		t.LostLeases++ // the worker that has the lease may have made an attempt
	}
	c := tasks.Fail(tasks.Snapshot{At: r.At, Key: r.Key, Task: &t}, "", id)
	if r.Key.Task != t.ID || r.Key.Status != keys.InQueue {
		c.Key = nil
	}
	c.Events = append(r.repair(nil, c.Task, note, id).Events, c.Events...)
	return c
}

// CloseHold repairs an ended task that still holds its slot. The slot becomes spent if the task succeeded. Otherwise it
// becomes suspect, because its real state is unknown.
func (r Record) CloseHold(t tasks.Task, note, id string) tasks.Change {
	to := stock.Suspect
	if t.Outcome == tasks.Success {
		to = stock.Spent
	}
	move := &stock.Transfer{Plan: t.Plan.ID, Country: t.Country, From: t.Slot, To: to}
	t.Slot = to
	c := r.repair(nil, &t, note, id)
	c.Transfer = move
	c.Events[0].Plan, c.Events[0].From, c.Events[0].To = move.Plan, move.From, move.To
	return c
}

// EraseSecret erases the sealed account that an ended task still has.
func (r Record) EraseSecret(t tasks.Task, note, id string) tasks.Change {
	t.Sealed = nil
	return r.repair(nil, &t, note, id)
}

// ExpireLease ends an expired lease in the same way as the next [tasks.Store.Lease]. It counts a lost lease,
// because the worker may have made an attempt that had an effect.
func (r Record) ExpireLease(t tasks.Task, note, id string) tasks.Change {
	t.LeasedUntil, t.LostLeases = time.Time{}, t.LostLeases+1
	return r.repair(nil, &t, note, id)
}

// RepairSlot makes a task's slot and the history of the slot consistent. It changes one of the two:
//
//   - If counted is true, it sets the task's slot to the state in the history. The caller sets counted if the counters
//     of the plans match the history.
//   - Otherwise it adds the missing transfers to the history.
//
// There is one exception. Only open upgrades hold a slot, and each open upgrade holds one. If only the task or only the
// history breaks this rule, RepairSlot changes that one.
func (r Record) RepairSlot(t tasks.Task, counted bool, note, id string) tasks.Change {
	history := r.SlotHistory(t.ID)
	fixed, fits := withSlotOf(t, history)
	if fits && (counted || !holdsSlotRightly(t)) {
		return r.repair(nil, &fixed, note, id)
	}
	c := r.repair(nil, &t, note, id)
	event := c.Events[0]
	c.Events = nil
	for _, move := range history.missingMoves(t) {
		event.Plan, event.From, event.To = move.Plan, move.From, move.To
		c.Events = append(c.Events, event)
	}
	if c.Events == nil { // only the order of the transfers is wrong
		c.Events = []tasks.Event{event}
	}
	return c
}

// withSlotOf returns the task with the state of its slot in the history, and reports whether that state is possible.
func withSlotOf(t tasks.Task, history SlotHistory) (tasks.Task, bool) {
	at, one := history.place()
	if !one || at.plan != "" && at.plan != t.Plan.ID || history.Matches(t) {
		return t, false
	}
	t.Slot = at.state
	if at.state == "" && t.Plan.ID != "" {
		t.Slot = stock.Free
	}
	return t, holdsSlotRightly(t)
}

// holdsSlotRightly reports whether the task follows this rule: each open upgrade holds a slot, and no other task holds
// one.
func holdsSlotRightly(t tasks.Task) bool {
	return (t.Slot == stock.Held) == (t.Open() && t.Kind == tasks.Upgrade)
}
