package tasks

import (
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// The repairs are decisions on a [Record] that does not fit together. Each leads with an event
// [WasRepaired] that has the note; what moves a slot or ends a task has the event of that too.

// repaired is a change of the record's key or task, or of both.
func (r Record) repaired(key *keys.Key, task *Task, note, id string) Change {
	event := Event{At: r.At, Cause: WasRepaired, Code: r.Code, Note: note}
	if task != nil {
		event = task.event(WasRepaired, r.At)
		event.Note = note
	}
	return Change{ID: id, Key: key, Task: task, Events: []Event{event}}
}

// Realign makes the key what [Record.Latest] makes of it: in the queue while that task is open, and
// else no longer in the queue. Where there is no such task the one that is lost has failed.
func (r Record) Realign(note, id string) Change {
	key, latest := r.Key, r.Latest()
	switch {
	case latest == nil && key.Status == keys.InQueue:
		key = lost(key).finish(key, r.At, Answer{})
	case latest != nil && latest.Open():
		key = key.Enqueue(latest.ID)
	case latest != nil && key.Status == keys.InQueue:
		key = latest.finish(key, latest.Ended, Answer{})
	}
	key.Task = ""
	if latest != nil {
		key.Task = latest.ID
	}
	return r.repaired(&key, nil, note, id)
}

// lost stands for a task that is not there: a key in use could only be renewed.
func lost(key keys.Key) Task {
	if key.Used {
		return Task{Kind: Renew, Outcome: SystemError}
	}
	return Task{Kind: Upgrade, Outcome: SystemError}
}

// Restand gives the key the status and use that its history leaves it with: those of its last reset,
// or of the end of its latest task. Where that tells nothing its use follows its status, and a status
// that is none becomes active.
func (r Record) Restand(note, id string) Change {
	key, latest := r.Key, r.Latest()
	switch {
	case r.wasReset(latest):
		key = key.Do(keys.Reset, "")
	case latest != nil && !latest.Open():
		done := latest.finish(key, latest.Ended, Answer{})
		key.Status, key.Used, key.Message = done.Status, done.Used, done.Message
	case key.Status.Agrees(!key.Used):
		key.Used = !key.Used
	default:
		key.Status, key.Message = keys.Active, ""
	}
	return r.repaired(&key, nil, note, id)
}

// wasReset says whether the key was reset after that task, or the loss of it, was last heard of.
func (r Record) wasReset(latest *Task) bool {
	reset := false
	for _, e := range r.Events {
		switch e.Cause { //nolint:exhaustive // the others leave the key as it is
		case WasReset:
			reset = true
		case WasAccepted, WasEnded, WasResolved:
			reset = reset && latest != nil && e.Task != latest.ID
		}
	}
	return reset
}

// Abandon ends an open task as one whose attempts are used up: its slot is suspect if an asking may
// have had an effect. The key follows if it waits for the task.
func (r Record) Abandon(t Task, note, id string) Change {
	if !t.Leased.IsZero() {
		t.Lost++ // whoever had it may have asked
	}
	v := r.view(&t)
	d := decision{view: v, task: t.taken(), id: id}
	c := d.end(SystemError, d.leftover())
	if r.Key.Task != t.ID || r.Key.Status != keys.InQueue {
		c.Key = nil
	}
	c.Events = append(r.repaired(nil, c.Task, note, id).Events, c.Events...)
	return c
}

// Close takes the slot that an ended task still holds out of held: spent if the task has succeeded,
// and suspect else, since nobody knows.
func (r Record) Close(t Task, note, id string) Change {
	to := stock.Suspect
	if t.Outcome == Success {
		to = stock.Spent
	}
	move := &stock.Move{Plan: t.Plan.ID, Country: t.Country, From: t.Slot, To: to}
	t.Slot = to
	c := r.repaired(nil, &t, note, id)
	c.Move = move
	c.Events[0].Plan, c.Events[0].From, c.Events[0].To = move.Plan, move.From, move.To
	return c
}

// Erase erases the secret that an ended task still has.
func (r Record) Erase(t Task, note, id string) Change {
	t.Sealed = nil
	return r.repaired(nil, &t, note, id)
}

// Unlease ends a lease that has run out, as the next [Store.Lease] would: the asking may have had an
// effect.
func (r Record) Unlease(t Task, note, id string) Change {
	t.Leased, t.Lost = time.Time{}, t.Lost+1
	return r.repaired(nil, &t, note, id)
}

// Reslot makes a task's slot and its history agree. counted says that the counters of the plans agree
// with the history: then the task is wrong, and else the history, to which the moves that it lacks are
// added. A side that cannot be right, since an open upgrade holds its slot and nothing else does, is
// not believed.
func (r Record) Reslot(t Task, counted bool, note, id string) Change {
	told := r.Trail(t.ID)
	fixed, fits := t.resloted(told)
	if fits && (counted || !t.holdsRight()) {
		return r.repaired(nil, &fixed, note, id)
	}
	c := r.repaired(nil, &t, note, id)
	line := c.Events[0]
	c.Events = nil
	for _, move := range told.missing(t) {
		line.Plan, line.From, line.To = move.Plan, move.From, move.To
		c.Events = append(c.Events, line)
	}
	if c.Events == nil { // only their order is wrong
		c.Events = []Event{line}
	}
	return c
}

// resloted is the task with its slot where the trail has it, and whether that can be.
func (t Task) resloted(told Trail) (Task, bool) {
	at, one := told.place()
	if !one || at.plan != "" && at.plan != t.Plan.ID || told.Agrees(t) {
		return t, false
	}
	t.Slot = at.state
	if at.state == "" && t.Plan.ID != "" {
		t.Slot = stock.Free
	}
	return t, t.holdsRight()
}

// holdsRight says whether the task holds a slot just if it is an open upgrade.
func (t Task) holdsRight() bool { return (t.Slot == stock.Held) == (t.Open() && t.Kind == Upgrade) }
