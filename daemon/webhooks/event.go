// Package webhooks sends events to the endpoints of an operator, as signed webhooks (the scheme of
// https://www.standardwebhooks.com). The page daemon/docs/webhooks.md is for the authors of endpoints.
//
//	history ─▶ outbox.Outbox ─▶ Dispatcher ─▶ Events (pure) ─▶ POST, signed ─▶ endpoint
//	                 ▲             │
//	                 └── Settle (pure): delivered, failed (retry later), given up, endpoint gone (HTTP 410)
//
// Events come from the history, which every change writes in its own transaction. There is no separate table of events,
// so no event can be lost after its change was stored.
//
// An endpoint gets each event at least once. It gets the events of one key in order. All attempts at an event
// have the same webhook-id. An event that fails delays the later events of its key only.
//
// Low stock is not part of the history. The dispatcher sends the event [StockLow] when a poll finds a country low.
//
// An event contains no secret and no login. It names a key by its fingerprint ([keys.FingerprintKey]) and the id of its
// order. The dispatcher never calls private addresses unless the operator allows that, whatever a name resolves to.
package webhooks

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/internal/jsoncodec"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// A Type is the type of an event.
type Type string

// The types of events.
const (
	TaskFinished Type = "task.finished" // a task has ended, or an operator has resolved its suspect slot
	KeyIssued    Type = "key.issued"    // a new key was issued; an imported key causes no event
	KeyRevoked   Type = "key.revoked"
	PlanFaulted  Type = "plan.faulted" // a plan was found faulty and is out of stock
	StockLow     Type = "stock.low"    // the free slots of a country have dropped to its threshold
)

// Types returns the types that an endpoint can subscribe to.
func Types() []Type { return []Type{TaskFinished, KeyIssued, KeyRevoked, PlanFaulted, StockLow} }

// EventTypes returns the types of history entries that can cause events.
func EventTypes() []tasks.EventType {
	return []tasks.EventType{tasks.EventIssued, tasks.EventRevoked, tasks.EventPlanFaulty, tasks.EventEnded, tasks.EventResolved}
}

// An Event is a message to an endpoint.
type Event struct {
	ID   string // the same in every attempt
	Type Type
	At   time.Time // when the event happened
	Test bool      // the event is a test that an operator has requested
	Data any
}

// Body returns the event as JSON on one line. It does not escape &, < and >.
func (e Event) Body() ([]byte, error) {
	return jsoncodec.Marshal(struct {
		Type Type   `json:"type"`
		At   string `json:"timestamp"`
		Test bool   `json:"test,omitempty"`
		Data any    `json:"data"`
	}{e.Type, e.At.UTC().Format(time.RFC3339Nano), e.Test, e.Data})
}

// A KeyName identifies a key in events, without its code.
type KeyName struct {
	Fingerprint string `json:"key"`
	OrderID     string `json:"order_id,omitempty"` // "" if the order is not known
}

// The data of each type of event.
type (
	finishedTask struct {
		KeyName
		Task     string        `json:"task"`
		Kind     tasks.Kind    `json:"kind"`
		Outcome  tasks.Outcome `json:"outcome"`
		Message  string        `json:"message"`
		Plan     string        `json:"plan,omitempty"`
		Slot     stock.State   `json:"slot,omitempty"` // the state of the plan's slot after the event
		Resolved bool          `json:"resolved"`       // by an operator, after the task had ended
	}
	issuedKey struct {
		KeyName
		Batch string `json:"batch"`
	}
	revokedKey struct {
		KeyName
	}
	faultyPlan struct {
		Plan  string      `json:"plan"`
		Fault stock.Fault `json:"fault"`
		Task  string      `json:"task"` // the task that has found the fault
	}
	lowStock struct {
		Country   stock.Country `json:"country"`
		Free      int           `json:"free"`
		Threshold int           `json:"threshold"`
	}
)

// Events returns the events that a history entry of a key causes, in order. Most entries cause none, a few cause two.
func Events(h tasks.HistoryEntry, key KeyName) []Event {
	if !slices.Contains(EventTypes(), h.Type) {
		return nil
	}
	var all []Event
	add := func(t Type, data any) {
		all = append(all, Event{ID: id(t, h.Change, string(h.Code), strconv.Itoa(h.N)), Type: t, At: h.At, Data: data})
	}
	switch h.Type { //nolint:exhaustive // entries of other types cause no event about a key
	case tasks.EventIssued:
		add(KeyIssued, issuedKey{key, h.Change})
	case tasks.EventRevoked:
		add(KeyRevoked, revokedKey{key})
	case tasks.EventEnded, tasks.EventResolved:
		add(TaskFinished, finishedTask{
			key, h.Task, h.Kind, h.Outcome, h.Outcome.Message(h.Kind), h.Plan, h.To, h.Type == tasks.EventResolved,
		})
	}
	if h.Plan != "" && h.Outcome.Fault() != "" {
		add(PlanFaulted, faultyPlan{h.Plan, h.Outcome.Fault(), h.Task})
	}
	return all
}

// A Message is one event to send. Acked is the queued delivery to store after the event was delivered.
type Message struct {
	Event Event
	Seq   int64 // the Seq of the event's history entry; 0: the event comes from no entry
	Acked outbox.QueuedDelivery
}

// Next returns the next event of a key's queued delivery that the endpoint wants. It returns false if none of the
// entries in q causes a wanted event. Then the field Acked of the message marks all these entries as delivered.
func Next(q outbox.QueuedDelivery, key KeyName, wants func(Type) bool) (Message, bool) {
	if len(q.Entries) == 0 { // the database no longer has the entries, because they were archived
		q.DeliveredSeq, q.DeliveredEvent = q.LastSeq, 0
	}
	for _, entry := range q.Entries {
		all := Events(entry, key)
		for i := q.DeliveredEvent; i < len(all); i++ {
			if !wants(all[i].Type) {
				continue
			}
			acked := q
			acked.DeliveredEvent = i + 1
			if acked.DeliveredEvent == len(all) {
				acked.DeliveredSeq, acked.DeliveredEvent = entry.Seq, 0
			}
			return Message{all[i], entry.Seq, acked}, true
		}
		q.DeliveredSeq, q.DeliveredEvent = entry.Seq, 0
	}
	return Message{Acked: q}, false
}

// lowStockEvent returns the event that reports a country as low. The number occasion differs each time the country
// becomes low, and so makes the id of the event unique.
func lowStockEvent(subscriber string, occasion int64, at time.Time, l lowStock) Event {
	return Event{ID: id(StockLow, subscriber, string(l.Country), strconv.FormatInt(occasion, 10)), Type: StockLow, At: at, Data: l}
}

// id derives the permanent id of an event from its type and from parts that name its cause, such as the id of a
// change. It does not use a sequence number, because the same numbers occur again after a restore from a backup. The id
// does not reveal a key.
func id(t Type, parts ...string) string {
	sum := sha256.Sum256([]byte(string(t) + "\x00" + strings.Join(parts, "\x00")))
	return "evt_" + hex.EncodeToString(sum[:16])
}

// Subject returns the subject of a delivery for the log: a country, or the fingerprint of a key.
func Subject(code keys.Code, country stock.Country, k keys.FingerprintKey) string {
	if code == "" {
		return string(country)
	}
	return k.Fingerprint(code)
}

// ExampleEvents returns an example of each type of event, in the order of [Types], with made-up data. Each event is
// marked as a test. Its id depends on the argument name, so another name gives other ids.
func ExampleEvents(name string, at time.Time) []Event {
	key := KeyName{Fingerprint: "0123456789abcdef", OrderID: "example-order"}
	entry := func(t tasks.EventType, o tasks.Outcome, to stock.State) []Event {
		return Events(tasks.HistoryEntry{Change: "EXAMPLEBATCH", Event: tasks.Event{
			At: at, Type: t, Task: "EXAMPLETASK", Kind: tasks.Upgrade, Outcome: o, Plan: "example-plan", From: stock.Held, To: to,
		}}, key)
	}
	all := slices.Concat(
		entry(tasks.EventEnded, tasks.Success, stock.Spent), entry(tasks.EventIssued, "", ""), entry(tasks.EventRevoked, "", ""),
		entry(tasks.EventPlanFaulty, tasks.PlanFull, stock.Free), []Event{lowStockEvent("", 0, at, lowStock{"US", 3, 5})},
	)
	for i := range all {
		all[i].ID, all[i].Test = id(all[i].Type, "test", name), true
	}
	return all
}
