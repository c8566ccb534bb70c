package client

import (
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A Key is a key as an operator sees it. A zero time means that the time is not known.
type Key struct {
	Code          keys.Code   `json:"code"`
	Status        keys.Status `json:"status"`
	Used          bool        `json:"used"`
	Revoked       bool        `json:"revoked"`
	Message       string      `json:"message"`
	OrderID       string      `json:"order_id"`
	PurchaseDate  time.Time   `json:"purchase_date"`
	UsedDate      time.Time   `json:"used_date"`
	Invite        string      `json:"invite"` // of a legacy key
	Address       string      `json:"address"`
	Username      string      `json:"username"`
	VerifyAddress string      `json:"verify_address"`
	Task          *Task       `json:"task"` // the latest task; nil: no task
}

func (k Key) invalid() bool { return k.Code == "" }

// A KeyDetail is a key with the explanation of its state and its history.
type KeyDetail struct {
	Key
	Explanation Explanation `json:"story"`
	History     []Event     `json:"history"` // oldest first
}

// An Explanation explains the state of a key in sentences for people.
type Explanation struct {
	Now  string   `json:"now"`
	Next []string `json:"next"` // possible actions
}

// An Event is a line of a key's history.
type Event struct {
	At      time.Time       `json:"at"`
	Type    tasks.EventType `json:"event"`
	Task    string          `json:"task"` // the id of the task, "" for an event without a task
	Kind    tasks.Kind      `json:"kind"`
	Outcome tasks.Outcome   `json:"outcome"`
	Plan    string          `json:"plan"`
	From    stock.State     `json:"from"` // From and To: the states of a slot of the plan that changed, "" if no slot did
	To      stock.State     `json:"to"`
	Note    string          `json:"note"`
}

// A Task is an accepted upgrade or renew, without its account. A zero time means that the event has not
// happened.
type Task struct {
	ID          string                `json:"id"`
	Code        keys.Code             `json:"code"` // the code of its key
	Kind        tasks.Kind            `json:"kind"`
	Country     stock.Country         `json:"country"`
	State       adminstore.TaskFilter `json:"state"`   // open, ended, or suspect: ended with a slot to resolve
	Outcome     tasks.Outcome         `json:"outcome"` // "" while it is open
	Plan        string                `json:"plan"`    // the plan whose slot the task holds or held last
	Slot        stock.State           `json:"slot"`    // the state of that slot, "" if the task never had a slot
	Attempts    int                   `json:"asked"`   // the number of attempts
	InDoubt     bool                  `json:"in_doubt"`
	CreatedAt   time.Time             `json:"created"`
	DueAt       time.Time             `json:"due"` // the time of the next attempt
	LeasedUntil time.Time             `json:"leased_until"`
	EndedAt     time.Time             `json:"ended"`
}

func (t Task) invalid() bool { return t.ID == "" }

// A Plan is a family plan and its slots.
type Plan struct {
	ID        string        `json:"id"`
	Country   stock.Country `json:"country"`
	State     string        `json:"state"` // live, or the reason why it is out of stock: retired, expired, full, invalid
	Slots     int           `json:"slots"` // the sum of free, held, spent and suspect
	Free      int           `json:"free"`
	Held      int           `json:"held"`
	Spent     int           `json:"spent"`
	Suspect   int           `json:"suspect"`
	ExpiresAt time.Time     `json:"expires_at"` // zero: never
	Address   string        `json:"address"`
	Invite    string        `json:"invite"`
}

func (p Plan) invalid() bool { return p.ID == "" }
