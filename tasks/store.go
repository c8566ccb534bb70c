package tasks

import (
	"context"
	"errors"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// The errors of a store for one change or lease.
var (
	// ErrConflict reports that the key or the task has changed. Read a new snapshot and decide again.
	ErrConflict = errors.New("tasks: changed meanwhile")
	// ErrFenced reports that another worker has leased the task, or that the task has ended. Stop, and write nothing.
	ErrFenced = errors.New("tasks: leased to another worker")
)

// A Store stores keys, tasks and plans. It applies decisions and knows no rule. All methods are safe for concurrent
// use, also by many processes if the database is shared. The package storetest tests this contract.
//
// If a whole call fails, it is unknown whether the call had an effect. The caller may repeat a read, and
// may apply the same changes again.
type Store interface {
	// Snapshots reads each key with its latest task, as of one moment after the start of the call. The
	// snapshots are in the order of the codes. The snapshot of an unknown code has a key that does not exist.
	Snapshots(ctx context.Context, codes []keys.Code) ([]Snapshot, error)

	// Find reads each key like Snapshots, but without its task. The info call needs only the key, and it is the most
	// frequent call.
	Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error)

	// Apply makes the changes in order, each completely or not at all. The returned slice has an error for
	// each change; nil means that the change is durable. A rejected change has no effect, and does not
	// affect the other changes. The errors of a change are:
	//
	//   - ErrFenced, if the stored task has another fence, or has another version and has ended;
	//   - ErrConflict, if the key or the task has another version, or the key of a new task already has an open task;
	//   - [stock.ErrOutOfStock], if the claim finds no free slot at some moment during the call;
	//   - [stock.ErrSlotState], if the plan has no slot in the state where the transfer begins;
	//   - the error of [Change.Decide].
	//
	// A change can write an ended task if fence and version are the same. An operator's [Resolve] does that.
	//
	// If a change with the same id was already made for the key, Apply returns nil for it and writes
	// nothing. A change that writes a task ends the lease of that task.
	Apply(ctx context.Context, changes []Change) ([]error, error)

	// Lease leases up to n open tasks to the worker for ttl. It takes tasks that are due and not leased, and tasks with
	// an expired lease. It takes them in the order of [Task.LeasableAt]; tasks with the same time have no order. During
	// concurrent calls it may take any of the first tasks in that order, and leave out others. The leases of one call
	// may all end at the same time. Lease raises the fence of each task, and LostLeases if a lease has expired.
	//
	// Times more than 2×ttl in the future come from a clock that was later set back. A lease that ends that far in the
	// future counts as expired. A task whose newest event is that far in the future counts as due.
	//
	// The result has a snapshot of each leased task. Lease leaves out tasks that cannot be read.
	Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]Snapshot, error)

	// Extend makes the leases end ttl from now. A ttl of 0 returns the leases: each task is then due at the time at
	// which it was due before the lease, and no lost lease is counted. The returned errors are in the order of the
	// refs. An error is nil, or ErrFenced if the task has another fence, has ended or is not leased. A store on several
	// servers may return another error for a lease on a server that is away.
	Extend(ctx context.Context, refs []Ref, ttl time.Duration) ([]error, error)

	// Stock returns the sums of slots for every country that has a plan, as of one moment during the
	// call. They are in the order of the countries' codes.
	Stock(ctx context.Context) ([]stock.Level, error)
}

// A Ref identifies a lease.
type Ref struct {
	Code  keys.Code
	ID    string // of the task
	Fence int64
}

// Ref returns the identification of the task's lease.
func (t Task) Ref() Ref { return Ref{t.Code, t.ID, t.Fence} }

// A Change contains everything that one decision writes. A nil field changes nothing. The key and the task have the
// versions that the decision read, and the task also has the fence. [Store.Apply] compares them with the stored ones.
type Change struct {
	ID       string // made before the first call of [Store.Apply], and written with the events
	Key      *keys.Key
	Task     *Task
	Transfer *stock.Transfer
	Claim    *stock.Claim // the store picks the plan and writes the result of [Change.WithPlan]
	Events   []Event      // at least one

	// Decide is not nil if the change is undecided. The store then calls Decide with the snapshot of the key, which
	// shows the earlier changes of the same call. The store makes the change that Decide returns, or returns the error
	// of Decide. This saves the caller a read.
	//
	// The other fields of an undecided change tell the store what to lock. Key is nil. The returned change has
	// the same ID, task and country, and events of the same types.
	//
	// Decide has no side effects. The store may call it several times, and on any goroutine. The key need not exist.
	Decide func(Snapshot) (Change, error)
}

// Code returns the code of the changed key, or of the changed task's key.
func (c Change) Code() keys.Code {
	if c.Key != nil {
		return c.Key.Code
	}
	return c.Task.Code
}

// WithPlan returns the change with the plan that the store picked for the claim. Without a claim it changes nothing.
func (c Change) WithPlan(p stock.Plan) Change {
	if c.Claim == nil {
		return c
	}
	task := *c.Task
	task.Plan = PlanSnapshot{p.ID, p.Address, p.Invite}
	c.Task = &task
	c.Events = append([]Event(nil), c.Events...)
	for i, e := range c.Events {
		if e.To == stock.Held {
			c.Events[i].Plan = p.ID
		}
	}
	return c
}

// An EventType is the type of an [Event].
type EventType string

// The event types.
const (
	EventIssued     EventType = "issued"   // a new key
	EventImported   EventType = "imported" // a key from another system
	EventAccepted   EventType = "accepted" // a task was accepted; an upgrade holds a slot
	EventRetried    EventType = "retried"  // an attempt had no final result: the next attempt is later
	EventPlanFaulty EventType = "moved"    // the plan has a fault: the slot is free again
	EventClaimed    EventType = "claimed"  // the task continues with another plan
	EventEnded      EventType = "ended"    // the task has ended
	EventRetryNow   EventType = "hurried"  // an operator made the task due now
	EventResolved   EventType = "resolved" // an operator resolved a suspect slot
	EventReleased   EventType = "released" // an operator freed the spent slot of an ended task
	EventRevoked    EventType = "revoked"
	EventRestored   EventType = "restored" // no longer revoked
	EventReset      EventType = "reset"
	EventRepaired   EventType = "repaired" // a repair of inconsistent data; the note describes it
	EventArchived   EventType = "archived" // replaces archived events; has the outcome and the slot of a task that stays in the store
)

// An Event is one change of a key, a task or a slot, as the key's history records it. It contains no login and no
// secret. A stored event is a [HistoryEntry].
type Event struct {
	At      time.Time
	Type    EventType
	Code    keys.Code   // of the key; "" for an event of a plan only
	Task    string      // the id of the task, "" if the event is not about a task
	Kind    Kind        // of that task
	Outcome Outcome     // of an ended task, or of the attempt that found a faulty plan; "": not known yet
	Plan    string      // the id of the plan whose slot moved
	From    stock.State // with To: the states between which a slot of the plan moved; "" if no slot moved
	To      stock.State
	Note    string // the reason, for the operator
}

// Event returns an event of the task.
func (t Task) Event(cause EventType, at time.Time) Event {
	return Event{At: at, Type: cause, Code: t.Code, Task: t.ID, Kind: t.Kind, Outcome: t.Outcome}
}

// A HistoryEntry is an event in the history of a key, with its position there.
type HistoryEntry struct {
	Seq    int64  // greater than the Seq of every earlier entry of the same key
	Change string // the id of the change or the batch that wrote it
	N      int    // its index among the events of that change
	Event
}
