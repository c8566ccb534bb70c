package tasks

import (
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// The repairs are decisions on a [Record] that does not fit together. Each leads with an event
// [EventRepaired] that has the note; what moves a slot or ends a task has the event of that too.

// repair is a change of the record's key or task, or of both.
func (r Record) repair(key *keys.Key, task *Task, note, id string) Change {
	event := Event{At: r.At, Type: EventRepaired, Code: r.Code, Note: note}
	if task != nil {
		event = task.event(EventRepaired, r.At)
		event.Note = note
	}
	return Change{ID: id, Key: key, Task: task, Events: []Event{event}}
}

// RepairLatestTask makes the key what [Record.ExpectedLatest] makes of it: in the queue while that task is open, and
// else no longer in the queue. Where there is no such task the one that is lost has failed.
func (r Record) RepairLatestTask(note, id string) Change {
	key, latest := r.Key, r.ExpectedLatest()
	switch {
	case latest == nil && key.Status == keys.InQueue:
		key = lostTask(key).keyAfter(key, r.At, ConnectorResult{})
	case latest != nil && latest.Open():
		key = key.Enqueue(latest.ID)
	case latest != nil && key.Status == keys.InQueue:
		key = latest.keyAfter(key, latest.EndedAt, ConnectorResult{})
	}
	key.Task = ""
	if latest != nil {
		key.Task = latest.ID
	}
	return r.repair(&key, nil, note, id)
}

// lostTask stands for a task that is not there: a key in use could only be renewed.
func lostTask(key keys.Key) Task {
	if key.Used {
		return Task{Kind: Renew, Outcome: SystemError}
	}
	return Task{Kind: Upgrade, Outcome: SystemError}
}

// RepairStatus gives the key the status and use that its history leaves it with: those of its last reset,
// or of the end of its latest task. Where that tells nothing its use follows its status, and a status
// that is none becomes active.
func (r Record) RepairStatus(note, id string) Change {
	key, latest := r.Key, r.ExpectedLatest()
	switch {
	case r.wasReset(latest):
		key = key.Apply(keys.Reset, "")
	case latest != nil && !latest.Open():
		done := latest.keyAfter(key, latest.EndedAt, ConnectorResult{})
		key.Status, key.Used, key.Message = done.Status, done.Used, done.Message
	case key.Status.AllowsUsed(!key.Used):
		key.Used = !key.Used
	default:
		key.Status, key.Message = keys.Active, ""
	}
	return r.repair(&key, nil, note, id)
}

// wasReset says whether the key was reset after that task, or the loss of it, was last heard of.
func (r Record) wasReset(latest *Task) bool {
	reset := false
	for _, e := range r.Events {
		switch e.Type { //nolint:exhaustive // the others leave the key as it is
		case EventReset:
			reset = true
		case EventAccepted, EventEnded, EventResolved:
			reset = reset && latest != nil && e.Task != latest.ID
		}
	}
	return reset
}

// FailTask ends an open task as one whose attempts are used up: its slot is suspect if an asking may
// have had an effect. The key follows if it waits for the task.
func (r Record) FailTask(t Task, note, id string) Change {
	if !t.LeasedUntil.IsZero() {
		t.LostLeases++ // whoever had it may have asked
	}
	v := r.snapshot(&t)
	d := decision{view: v, task: t.withLostLeases(), id: id}
	c := d.end(SystemError, d.finalSlotState())
	if r.Key.Task != t.ID || r.Key.Status != keys.InQueue {
		c.Key = nil
	}
	c.Events = append(r.repair(nil, c.Task, note, id).Events, c.Events...)
	return c
}

// CloseHold takes the slot that an ended task still holds out of held: spent if the task has succeeded,
// and suspect else, since nobody knows.
func (r Record) CloseHold(t Task, note, id string) Change {
	to := stock.Suspect
	if t.Outcome == Success {
		to = stock.Spent
	}
	move := &stock.Transfer{Plan: t.Plan.ID, Country: t.Country, From: t.Slot, To: to}
	t.Slot = to
	c := r.repair(nil, &t, note, id)
	c.Transfer = move
	c.Events[0].Plan, c.Events[0].From, c.Events[0].To = move.Plan, move.From, move.To
	return c
}

// EraseSecret erases the secret that an ended task still has.
func (r Record) EraseSecret(t Task, note, id string) Change {
	t.Sealed = nil
	return r.repair(nil, &t, note, id)
}

// ExpireLease ends a lease that has run out, as the next [Store.Lease] would: the asking may have had an
// effect.
func (r Record) ExpireLease(t Task, note, id string) Change {
	t.LeasedUntil, t.LostLeases = time.Time{}, t.LostLeases+1
	return r.repair(nil, &t, note, id)
}

// RepairSlot makes a task's slot and its history agree. counted says that the counters of the plans agree
// with the history: then the task is wrong, and else the history, to which the moves that it lacks are
// added. A side that cannot be right, since an open upgrade holds its slot and nothing else does, is
// not believed.
func (r Record) RepairSlot(t Task, counted bool, note, id string) Change {
	told := r.SlotHistory(t.ID)
	fixed, fits := t.withSlotOf(told)
	if fits && (counted || !t.holdsSlotRightly()) {
		return r.repair(nil, &fixed, note, id)
	}
	c := r.repair(nil, &t, note, id)
	line := c.Events[0]
	c.Events = nil
	for _, move := range told.missingMoves(t) {
		line.Plan, line.From, line.To = move.Plan, move.From, move.To
		c.Events = append(c.Events, line)
	}
	if c.Events == nil { // only their order is wrong
		c.Events = []Event{line}
	}
	return c
}

// withSlotOf is the task with its slot where the trail has it, and whether that can be.
func (t Task) withSlotOf(told SlotHistory) (Task, bool) {
	at, one := told.place()
	if !one || at.plan != "" && at.plan != t.Plan.ID || told.Matches(t) {
		return t, false
	}
	t.Slot = at.state
	if at.state == "" && t.Plan.ID != "" {
		t.Slot = stock.Free
	}
	return t, t.holdsSlotRightly()
}

// holdsSlotRightly says whether the task holds a slot just if it is an open upgrade.
func (t Task) holdsSlotRightly() bool {
	return (t.Slot == stock.Held) == (t.Open() && t.Kind == Upgrade)
}
