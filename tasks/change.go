package tasks

import (
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// A Change is everything one decision writes; nil parts are left alone. Its key and task carry the
// versions, and the task the fence, that the decision was made from.
type Change struct {
	ID       string // minted before the first try, and written with the events
	Key      *keys.Key
	Task     *Task
	Transfer *stock.Transfer
	Claim    *stock.Claim // the store picks the plan and writes [Change.WithPlan]
	Events   []Event      // at least one
}

// Code is the code of the key that the change is about.
func (c Change) Code() keys.Code {
	if c.Key != nil {
		return c.Key.Code
	}
	return c.Task.Code
}

// WithPlan is the change with the plan that its claim was given.
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

// An EventType is what an [Event] tells of.
type EventType string

// The causes.
const (
	EventIssued     EventType = "issued"   // a new key
	EventImported   EventType = "imported" // a key from elsewhere
	EventAccepted   EventType = "accepted" // a task was accepted; an upgrade holds a slot
	EventRetried    EventType = "retried"  // asked without a final answer: it is asked again later
	EventPlanFaulty EventType = "moved"    // the plan was faulty: its slot is given back
	EventClaimed    EventType = "claimed"  // the task goes on with another plan
	EventEnded      EventType = "ended"    // the task has ended
	EventRetryNow   EventType = "hurried"  // an operator made the task due now
	EventResolved   EventType = "resolved" // an operator settled a suspect slot
	EventReleased   EventType = "released" // an operator gave back the slot that an ended task had spent
	EventRevoked    EventType = "revoked"
	EventRestored   EventType = "restored" // no longer revoked
	EventReset      EventType = "reset"
	EventRepaired   EventType = "repaired" // what did not fit together was mended; the note says how
	EventArchived   EventType = "archived" // what happened until then is kept elsewhere; of a task that stayed, how it stands
)

// An Event is a line of a key's history. It holds no login and no secret.
type Event struct {
	At      time.Time
	Type    EventType
	Code    keys.Code   // of the key; "" of a line about a plan alone
	Task    string      // its id, "" if it is about none
	Kind    Kind        // of that task
	Outcome Outcome     // of a task that has ended, or of its asking about a faulty plan; "": none yet
	Plan    string      // the id of the plan whose slot moved
	From    stock.State // with To: a slot of the plan moved, "" if none did
	To      stock.State
	Note    string // why, for the operator
}
