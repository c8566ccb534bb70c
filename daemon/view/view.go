// Package view defines the JSON for keys, tasks, plans and stock that operators see. The admin API,
// its Go client, the console and the command line share it.
//
//	tasks.Snapshot, its history ─▶ NewKey, NewKeyDetail, NewTask, NewEvents ─┐
//	                            └▶ Explain ─▶ Explanation                    │
//	stock.Plan                  ─▶ NewPlan                                   ├─▶ encoding/json
//	stock.Level                 ─▶ Level                                     ┘
//
// Codes are whole. [Key.Masked], [Task.Masked] and [NewMaskedKeyDetail] hide them from a reader that must
// not be able to use a key.
//
// Every field but the fingerprint is always present. A missing text is "", a missing number 0, and an unknown time
// null. The only account data is the username that the provider reported. Unicode format characters are removed from texts
// of the provider, and an explanation quotes these texts.
//
// An [Explanation] answers the question "why is this key not working?". It says in words what the state of the key is, and
// what the holder or the operator can do next. The texts are in two tables. In the table of rules, the first rule that
// fits explains the state of the key. In the table of failure reasons, a row explains why the key's last task failed. An
// explanation always mentions a slot that the operator must resolve or release.
//
// The package is pure. Its output contains no login and no password, because neither a snapshot nor a history contains
// them. But the output can contain whole codes, and a whole code is worth money.
package view

import (
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A Key is a key and its latest task.
type Key struct {
	Code          keys.Code   `json:"code"`                  // the whole code, or the result of [Mask]
	Fingerprint   string      `json:"fingerprint,omitempty"` // of the code, as in the log; only the admin API sets it
	Status        keys.Status `json:"status"`
	Used          bool        `json:"used"`
	Revoked       bool        `json:"revoked"`
	Message       string      `json:"message"`
	OrderID       string      `json:"order_id"`
	PurchaseDate  Time        `json:"purchase_date"`
	UsedDate      Time        `json:"used_date"`
	Invite        string      `json:"invite"` // of a legacy key
	Address       string      `json:"address"`
	Username      string      `json:"username"`
	VerifyAddress string      `json:"verify_address"`
	Task          *Task       `json:"task"` // the latest task; nil: no task
}

// NewKey converts the key of a snapshot, with its latest task.
func NewKey(v tasks.Snapshot) Key {
	k := v.Key
	view := Key{
		Code: k.Code, Status: k.Status, Used: k.Used, Revoked: k.Revoked, Message: visible(k.Message), OrderID: k.OrderID,
		PurchaseDate: Time{k.PurchaseDate}, UsedDate: Time{k.UsedDate}, Invite: k.Invite, Address: k.Address,
		Username: visible(k.Username), VerifyAddress: visible(k.VerifyAddress),
	}
	if v.Task != nil {
		view.Task = new(NewTask(*v.Task))
	}
	return view
}

// A KeyDetail is a key with an explanation of its state and its whole history.
type KeyDetail struct {
	Key
	Explanation Explanation `json:"story"`
	History     []Event     `json:"history"` // oldest first
}

// NewKeyDetail converts the key of a snapshot, with its history.
func NewKeyDetail(v tasks.Snapshot, history []tasks.Event) KeyDetail {
	return KeyDetail{NewKey(v), Explain(v, history), NewEvents(history)}
}

// A Task is a task without its account. Its state is open, ended or suspect. A suspect task has ended, and its slot
// must be resolved. Attempts also counts lost leases, because a lost lease may have included an attempt.
type Task struct {
	ID          string               `json:"id"`
	Code        keys.Code            `json:"code"`                  // the whole code of its key, or the result of [Mask]
	Fingerprint string               `json:"fingerprint,omitempty"` // of the code, as in [Key]
	Kind        tasks.Kind           `json:"kind"`
	Country     stock.Country        `json:"country"`
	State       adminstore.TaskState `json:"state"`
	Outcome     tasks.Outcome        `json:"outcome"` // "" while the task is open
	Plan        string               `json:"plan"`    // the id of the plan whose slot the task holds or held last
	Slot        stock.State          `json:"slot"`    // the state of that slot; "": the task never had a slot
	Attempts    int                  `json:"asked"`
	InDoubt     bool                 `json:"in_doubt"` // an attempt may have had an effect that no daemon has seen
	CreatedAt   Time                 `json:"created"`
	DueAt       Time                 `json:"due"` // the time of the next attempt of an open task
	LeasedUntil Time                 `json:"leased_until"`
	EndedAt     Time                 `json:"ended"`
}

// NewTask converts a task.
func NewTask(t tasks.Task) Task {
	view := Task{
		ID: t.ID, Code: t.Code, Kind: t.Kind, Country: t.Country, State: taskState(t), Outcome: t.Outcome,
		Plan: t.Plan.ID, Slot: t.Slot, Attempts: t.Attempts + t.LostLeases, InDoubt: t.InDoubt || t.LostLeases > 0,
		CreatedAt: Time{t.CreatedAt}, LeasedUntil: Time{t.LeasedUntil}, EndedAt: Time{t.EndedAt},
	}
	if t.Open() {
		view.DueAt = Time{t.DueAt}
	}
	return view
}

// taskState returns the state of a task in the API: open, ended or suspect.
func taskState(t tasks.Task) adminstore.TaskState {
	for _, f := range []adminstore.TaskState{adminstore.SuspectTask, adminstore.OpenTask} {
		if f.Match(t) {
			return f
		}
	}
	return adminstore.EndedTask
}

// An Event is an entry of a key's history.
type Event struct {
	At      Time            `json:"at"`
	Type    tasks.EventType `json:"event"`
	Task    string          `json:"task"` // "" for an event without a task
	Kind    tasks.Kind      `json:"kind"`
	Outcome tasks.Outcome   `json:"outcome"`
	Plan    string          `json:"plan"`
	From    stock.State     `json:"from"` // From and To: the state of a slot before and after the event; "": no slot changed
	To      stock.State     `json:"to"`
	Note    string          `json:"note"`
}

// NewEvents converts a history. The result is never null in JSON.
func NewEvents(history []tasks.Event) []Event {
	all := make([]Event, len(history))
	for i, e := range history {
		all[i] = Event{Time{e.At}, e.Type, e.Task, e.Kind, e.Outcome, e.Plan, e.From, e.To, visible(e.Note)}
	}
	return all
}

// A Level is the slot counts of a country. Idle slots are free slots of plans that are out of stock.
type Level struct {
	Country stock.Country `json:"country"`
	Size    int           `json:"size"`
	Free    int           `json:"free"`
	Held    int           `json:"held"`
	Spent   int           `json:"spent"`
	Suspect int           `json:"suspect"`
	Idle    int           `json:"idle"`
}

// A Plan is a plan and its slots. Its state is live, or the reason why it is out of stock: retired,
// expired, full or invalid. The free slots of a plan that is out of stock are idle, as in a [Level].
type Plan struct {
	ID        string        `json:"id"`
	Country   stock.Country `json:"country"`
	State     string        `json:"state"`
	Slots     int           `json:"slots"` // the sum of free, held, spent, suspect and idle
	Free      int           `json:"free"`
	Held      int           `json:"held"`
	Spent     int           `json:"spent"`
	Suspect   int           `json:"suspect"`
	Idle      int           `json:"idle"`
	ExpiresAt Time          `json:"expires_at"` // zero: never
	Address   string        `json:"address"`
	Invite    string        `json:"invite"`
}

// NewPlan converts a plan, with its state at the given time.
func NewPlan(p stock.Plan, now time.Time) Plan {
	free, idle := p.Free(), 0
	if !p.Available(now) {
		free, idle = 0, free
	}
	return Plan{
		p.ID, p.Country, planState(p, now), p.Size, free, p.Held, p.Spent, p.Suspect, idle,
		Time{p.ExpiresAt},
		p.Address, p.Invite,
	}
}

func planState(p stock.Plan, now time.Time) string {
	switch {
	case p.Available(now):
		return "live"
	case p.Retired:
		return "retired"
	case p.Fault != "":
		return string(p.Fault)
	}
	return string(stock.Expired)
}

// An ActivityEntry is an entry of the audit log.
type ActivityEntry struct {
	ID      string          `json:"id"`
	At      Time            `json:"at"`
	Actor   string          `json:"actor"`   // the name of a token, or user@host (CLI)
	Address string          `json:"address"` // of the client; "" for the command line
	Action  activity.Action `json:"action"`
	Key     string          `json:"key"` // the fingerprint of the key
	Task    string          `json:"task"`
	Plan    string          `json:"plan"`
	OrderID string          `json:"order_id"`
	Count   int             `json:"count"` // the number of keys, tasks, plans or endpoints that were changed, or of keys whose codes were shown
	Error   string          `json:"error"` // "": the action succeeded
}

// NewActivityEntry converts an entry.
func NewActivityEntry(e activity.Entry) ActivityEntry {
	return ActivityEntry{
		e.ID, Time{e.At}, e.Actor, e.Address, e.Action, e.Key, e.Task, e.Plan, e.OrderID, e.Count, visible(e.Error),
	}
}

// An Order is a request for new keys.
type Order struct {
	Count   int    `json:"count"`    // 1 to 10,000
	OrderID string `json:"order_id"` // 1 to 1024 bytes
	Note    string `json:"note"`     // for the history of the keys; may be empty
}

// An Issue contains the keys of an order.
type Issue struct {
	OrderID      string      `json:"order_id"`
	Count        int         `json:"count"`
	PurchaseDate Time        `json:"purchase_date"`
	Codes        []keys.Code `json:"codes"` // in ascending order
}

// Found is the result of a search.
type Found struct {
	Keys      []Key  `json:"keys"`      // found by their code
	Orders    []Key  `json:"orders"`    // found by their order
	Usernames []Key  `json:"usernames"` // found by their username
	Tasks     []Task `json:"tasks"`
	Plans     []Plan `json:"plans"`
}
