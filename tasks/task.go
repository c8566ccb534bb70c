package tasks

import (
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// A Task is one accepted upgrade or renew. It is a value: decisions return new ones.
// A zero time is one that has not come.
type Task struct {
	ID      string
	Code    keys.Code // of its key
	Kind    Kind
	Country stock.Country // "" of a renew that was sent without one

	Version int64 // of the stored task, from 1, raised by each [Store.Apply]; 0: not stored yet
	Fence   int64 // raised by each [Store.Lease]

	Plan    PlanSnapshot // whose slot it holds or held last
	Ordinal int          // of that plan among those of this task, from 1; always 1 for a renew
	Slot    stock.State  // where that slot is: "" if it never had one
	Faulty  []string     // plans found faulty, not to be claimed again

	Attempts        int       // every asking
	CountedAttempts int       // the askings about this plan that count as attempts
	LostLeases      int       // leases that ran out without being given back, since the last change
	InDoubt         bool      // an asking about this plan may have had an effect that nobody has seen
	FirstAttempt    time.Time // or when that first failed, because the account did not open

	CreatedAt   time.Time
	DueAt       time.Time // when to ask (again)
	LeasedUntil time.Time // until when a worker has it; zero: nobody does
	EndedAt     time.Time

	Outcome Outcome // of an ended task
	Sealed  []byte  // the account, while the task is open
}

// A PlanSnapshot is what a task keeps of a plan, so that later edits do not change what was asked.
type PlanSnapshot struct{ ID, Address, Invite string }

// Open says whether the task has not ended.
func (t Task) Open() bool { return t.EndedAt.IsZero() }

// Message is what info shows for the task once it has ended.
func (t Task) Message() string { return t.Outcome.Message(t.Kind) }

// bound is what the sealed account is bound to: swapped between two tasks it does not open.
func (t Task) bound() []byte {
	return []byte(t.ID + "\x00" + string(t.Kind) + "\x00" + string(t.Code))
}

// withLostLeases is the task as a worker finds it: a lease that ran out unreturned counts as an asking that
// may have had an effect.
func (t Task) withLostLeases() Task {
	t.Attempts += t.LostLeases
	t.CountedAttempts += t.LostLeases
	t.InDoubt = t.InDoubt || t.LostLeases > 0
	t.LostLeases = 0
	return t
}

// attempted is the task once it has been asked about at that time.
func (t Task) attempted(at time.Time) Task {
	t = t.unopened(at)
	t.Attempts++
	return t
}

// unopened is the task once its account could not be opened at that time. That is no attempt.
func (t Task) unopened(at time.Time) Task {
	t = t.withLostLeases()
	if t.FirstAttempt.IsZero() {
		t.FirstAttempt = at
	}
	return t
}

// A Snapshot is everything a decision on one key reads, from one moment.
type Snapshot struct {
	At   time.Time // the store's clock
	Key  keys.Key
	Task *Task // the key's latest, open or ended; nil before the first
}

// openTask is the key's open task, or nil.
func (v Snapshot) openTask() *Task {
	if v.Task != nil && v.Task.Open() {
		return v.Task
	}
	return nil
}
