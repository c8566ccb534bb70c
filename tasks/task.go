package tasks

import (
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// A Task is one accepted upgrade or renew. A Task is a value: decisions return changed copies.
// A zero time means that the event has not happened.
type Task struct {
	ID      string
	Code    keys.Code // of the task's key
	Kind    Kind
	Country stock.Country // "" for a renew without a country

	Version int64 // of the stored task: starts at 1, each [Store.Apply] raises it; 0: not stored yet
	Fence   int64 // each [Store.Lease] raises it

	Plan    PlanSnapshot // the plan whose slot the task holds or last held
	Ordinal int          // the number of that plan among the plans of this task, from 1; always 1 for a renew
	Slot    stock.State  // the state of that slot; "" if the task never had a slot
	Faulty  []string     // ids of plans with a fault, excluded from the next claim

	Attempts        int       // the number of all attempts
	CountedAttempts int       // the number of attempts with this plan that count towards [Rules.Attempts]
	LostLeases      int       // the number of leases that expired and were not returned, since the last change
	InDoubt         bool      // an attempt with this plan may have had an unknown effect
	FirstAttempt    time.Time // the time of the first attempt, or of the first failed decryption of the account

	CreatedAt   time.Time
	DueAt       time.Time // the time of the next attempt
	LeasedUntil time.Time // the end of the lease; zero: not leased
	EndedAt     time.Time

	Outcome Outcome // of an ended task, else ""
	Sealed  []byte  // the encrypted account, while the task is open
}

// A PlanSnapshot is the part of a plan that a task stores. Later edits of the plan do not change the requests
// of the task.
type PlanSnapshot struct{ ID, Address, Invite string }

// Open reports whether the task has not ended.
func (t Task) Open() bool { return t.EndedAt.IsZero() }

// LeasableAt returns the time from which a worker can lease the open task. It is the end of the current
// lease, or DueAt if the task is not leased.
func (t Task) LeasableAt() time.Time {
	if t.LeasedUntil.IsZero() {
		return t.DueAt
	}
	return t.LeasedUntil
}

// Message returns the message that the info response shows after the task has ended.
func (t Task) Message() string { return t.Outcome.Message(t.Kind) }

// bound returns the bytes that the sealed account is bound to. Because of them, a sealed account that was
// moved to another task does not open.
func (t Task) bound() []byte {
	return []byte(t.ID + "\x00" + string(t.Kind) + "\x00" + string(t.Code))
}

// withLostLeases returns the task with its lost leases counted as attempts. Each lost lease may have had an
// attempt with an effect, so the task is then in doubt.
func (t Task) withLostLeases() Task {
	t.Attempts += t.LostLeases
	t.CountedAttempts += t.LostLeases
	t.InDoubt = t.InDoubt || t.LostLeases > 0
	t.LostLeases = 0
	return t
}

// attempted returns the task after an attempt at the given time.
func (t Task) attempted(at time.Time) Task {
	t = t.unopened(at)
	t.Attempts++
	return t
}

// unopened returns the task after its account could not be decrypted at the given time. It counts no attempt
// for that.
func (t Task) unopened(at time.Time) Task {
	t = t.withLostLeases()
	if t.FirstAttempt.IsZero() {
		t.FirstAttempt = at
	}
	return t
}

// A Snapshot contains everything that a decision on one key reads, as of one moment.
type Snapshot struct {
	At   time.Time // the store's clock
	Key  keys.Key
	Task *Task // the key's latest task, open or ended; nil before the first task
}

// openTask returns the key's open task, or nil.
func (v Snapshot) openTask() *Task {
	if v.Task != nil && v.Task.Open() {
		return v.Task
	}
	return nil
}
