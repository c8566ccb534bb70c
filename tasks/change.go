package tasks

import (
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// A Change contains everything that one decision writes. A nil field changes nothing. The key and the task
// have the versions that the decision read, and the task also has the fence. [Store.Apply] compares them
// with the stored ones.
type Change struct {
	ID       string // made before the first try, and written with the events
	Key      *keys.Key
	Task     *Task
	Transfer *stock.Transfer
	Claim    *stock.Claim // the store picks the plan and writes the result of [Change.WithPlan]
	Events   []Event      // at least one

	// Decide is not nil if the change is undecided. The store then calls it with the snapshot of the key, which
	// shows the earlier changes of the same call. The store makes the change that Decide returns, or returns
	// the error of Decide. This saves the caller a read.
	//
	// The other fields of an undecided change tell the store what to lock. Key is nil. The returned change has
	// the same ID, task and country, and events of the same types.
	//
	// Decide has no side effects. The store may call it several times, and on any goroutine. The key need not
	// exist.
	Decide func(Snapshot) (Change, error)
}

// Code returns the code of the changed key, or of the changed task's key.
func (c Change) Code() keys.Code {
	if c.Key != nil {
		return c.Key.Code
	}
	return c.Task.Code
}

// WithPlan returns the change with the plan that the store picked for the claim. Without a claim it
// returns the change as it is.
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
	EventArchived   EventType = "archived" // replaces archived events; has the outcome and the slot of a task that stays
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

// A HistoryEntry is an event in the history of a key, with its position there.
type HistoryEntry struct {
	Seq    int64  // greater than the Seq of every earlier entry of the same key
	Change string // the id of the change or the batch that wrote it
	N      int    // its index among the events of that change
	Event
}
