package view

import (
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

type facts struct {
	tasks.Snapshot
	history []tasks.Event
	slots   []slot
}

// A slot is the state of the last slot that a task held.
type slot struct {
	task, plan string
	state      stock.State
}

func newFacts(v tasks.Snapshot, history []tasks.Event) facts {
	f := facts{Snapshot: v, history: history}
	for _, e := range history {
		if e.To != "" {
			f.noteSlot(slot{e.Task, e.Plan, e.To})
		}
	}
	if v.Task != nil && v.Task.Slot != "" {
		f.noteSlot(slot{v.Task.ID, v.Task.Plan.ID, v.Task.Slot})
	}
	return f
}

// noteSlot records the slot of a task. It replaces an earlier slot of the same task.
func (f *facts) noteSlot(last slot) {
	for i, known := range f.slots {
		if known.task == last.task {
			f.slots[i] = last
			return
		}
	}
	f.slots = append(f.slots, last)
}

const overdueAfter = time.Minute // a task that has been due for longer is overdue; a running daemon makes an attempt sooner

func (f facts) missing() bool             { return !f.Key.Exists() }
func (f facts) revoked() bool             { return f.Key.Revoked }
func (f facts) open() bool                { return f.Task != nil && f.Task.Open() }
func (f facts) revokedWithOpenTask() bool { return f.Key.Revoked && f.open() }
func (f facts) leaseExpired() bool {
	return f.open() && !f.Task.LeasedUntil.IsZero() && f.Task.LeasedUntil.Before(f.At)
}
func (f facts) leased() bool        { return f.open() && !f.Task.LeasedUntil.IsZero() }
func (f facts) overdue() bool       { return f.open() && f.Task.DueAt.Add(overdueAfter).Before(f.At) }
func (f facts) attempted() bool     { return f.open() && f.Task.Attempts+f.Task.LostLeases > 0 }
func (f facts) legacy() bool        { return f.Key.InfoShape() == keys.ByInvite }
func (f facts) importedUsed() bool  { return f.Key.Status == keys.Active && f.Key.Used }
func (f facts) inUse() bool         { return f.Key.Status == keys.Success }
func (f facts) upgradeFailed() bool { return f.Key.Status == keys.FailedUpgrade }
func (f facts) renewFailed() bool   { return f.Key.Status == keys.Failed }
func (f facts) renewed() bool       { return f.Key.Status == keys.SuccessRenew }
func (f facts) wasReset() bool      { return f.Key.Status == keys.Active && !f.resetAt().IsZero() }

func (f facts) resetAt() (at time.Time) {
	for _, e := range f.history {
		if e.Type == tasks.EventReset {
			at = e.At
		}
	}
	return at
}

// usedSlot returns the index of the slot that the key occupies, or -1.
func (f facts) usedSlot() int {
	for i := len(f.slots) - 1; i >= 0 && f.Key.Used && !f.Key.Revoked; i-- {
		if f.slots[i].state == stock.Spent {
			return i
		}
	}
	return -1
}

// releasedText returns a text with the time at which the slot of a task was released, or "" if it was not released.
func (f facts) releasedText(t tasks.Task) (text string) {
	for _, e := range f.history {
		if e.Type == tasks.EventReleased && e.Task == t.ID {
			text = "; its slot of plan " + e.Plan + " was given back at " + Time{e.At}.String()
		}
	}
	return text
}

// reason returns the note of the last event of the latest task, which says why an attempt failed. It returns "" if that
// event is an admin action or archiving, because the note then contains a name or an amount.
func (f facts) reason() (note string) {
	for _, e := range f.history {
		if f.Task == nil || e.Task != f.Task.ID {
			continue
		}
		switch e.Type { //nolint:exhaustive // the notes of all other events are reasons
		case tasks.EventRetryNow, tasks.EventResolved, tasks.EventReleased, tasks.EventArchived:
			note = ""
		default:
			note = e.Note
		}
	}
	return note
}
