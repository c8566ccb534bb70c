package client

import (
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A Key is a key as its operator sees it. A zero time is one that is not known.
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
	Task          *Task       `json:"task"` // the latest; nil: none
}

func (k Key) strange() bool { return k.Code == "" }

// A KeyDetail is all that is known of a key.
type KeyDetail struct {
	Key
	Story   Story   `json:"story"`
	History []Event `json:"history"` // the oldest first
}

// A Story is how a key stands, in words for people.
type Story struct {
	Now  string   `json:"now"`
	Next []string `json:"next"` // what can be done about it
}

// An Event is a line of a key's history.
type Event struct {
	At      time.Time       `json:"at"`
	Cause   tasks.EventType `json:"event"`
	Task    string          `json:"task"` // its id, "" if it is about none
	Kind    tasks.Kind      `json:"kind"`
	Outcome tasks.Outcome   `json:"outcome"`
	Plan    string          `json:"plan"`
	From    stock.State     `json:"from"` // with To: a slot of the plan moved, "" if none did
	To      stock.State     `json:"to"`
	Note    string          `json:"note"`
}

// A Task is an accepted upgrade or renew, with nothing of its account. A zero time is one that has
// not come.
type Task struct {
	ID      string           `json:"id"`
	Code    keys.Code        `json:"code"` // of its key
	Kind    tasks.Kind       `json:"kind"`
	Country stock.Country    `json:"country"`
	State   tasks.TaskFilter `json:"state"`   // open, ended, or suspect: ended with a slot to resolve
	Outcome tasks.Outcome    `json:"outcome"` // "" while it is open
	Plan    string           `json:"plan"`    // whose slot it holds or held last
	Slot    stock.State      `json:"slot"`    // where that slot is, "" if it never had one
	Asked   int              `json:"asked"`   // how often
	Doubt   bool             `json:"in_doubt"`
	Created time.Time        `json:"created"`
	Due     time.Time        `json:"due"` // when it is asked about next
	Leased  time.Time        `json:"leased_until"`
	Ended   time.Time        `json:"ended"`
}

func (t Task) strange() bool { return t.ID == "" }

// A Plan is a family plan and its slots.
type Plan struct {
	ID        string        `json:"id"`
	Country   stock.Country `json:"country"`
	State     string        `json:"state"` // live, or why it is out of stock: retired, expired, full, invalid
	Slots     int           `json:"slots"` // free, held, spent and suspect
	Free      int           `json:"free"`
	Held      int           `json:"held"`
	Spent     int           `json:"spent"`
	Suspect   int           `json:"suspect"`
	ExpiresAt time.Time     `json:"expires_at"` // zero: never
	Address   string        `json:"address"`
	Invite    string        `json:"invite"`
}

func (p Plan) strange() bool { return p.ID == "" }
