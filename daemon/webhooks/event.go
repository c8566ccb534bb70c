package webhooks

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/internal/httputil"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
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
	Test         Type = "webhook.test" // sent only on request of an operator
)

// Types returns the types that an endpoint can subscribe to.
func Types() []Type { return []Type{TaskFinished, KeyIssued, KeyRevoked, PlanFaulted, StockLow} }

// EventTypes returns the types of history lines that can cause events.
func EventTypes() []tasks.EventType {
	return []tasks.EventType{tasks.EventIssued, tasks.EventRevoked, tasks.EventPlanFaulty, tasks.EventEnded, tasks.EventResolved}
}

// An Event is a message to an endpoint.
type Event struct {
	ID   string // the same in every attempt
	Type Type
	At   time.Time // when it happened
	Data any
}

// Body returns the event as JSON on one line. It does not escape &, < and >.
func (e Event) Body() ([]byte, error) {
	return httputil.MarshalJSON(struct {
		Type Type   `json:"type"`
		At   string `json:"timestamp"`
		Data any    `json:"data"`
	}{e.Type, e.At.UTC().Format(time.RFC3339Nano), e.Data})
}

// The data of each type of event. Key is always a fingerprint.
type (
	finished struct {
		Key      string        `json:"key"`
		Task     string        `json:"task"`
		Kind     tasks.Kind    `json:"kind"`
		Outcome  tasks.Outcome `json:"outcome"`
		Message  string        `json:"message"`
		Plan     string        `json:"plan,omitempty"`
		Slot     stock.State   `json:"slot,omitempty"` // the state of the plan's slot now
		Resolved bool          `json:"resolved"`       // by an operator, after the task had ended
	}
	issued struct {
		Key   string `json:"key"`
		Batch string `json:"batch"`
	}
	revoked struct {
		Key string `json:"key"`
	}
	faulted struct {
		Plan  string      `json:"plan"`
		Fault stock.Fault `json:"fault"`
		Task  string      `json:"task"` // the task that has found the fault
	}
	low struct {
		Country   stock.Country `json:"country"`
		Free      int           `json:"free"`
		Threshold int           `json:"threshold"`
	}
)

// Events returns the events that a line of history causes, in order. Most lines cause no event, and a few
// cause two.
func Events(l tasks.HistoryEntry) []Event {
	if !slices.Contains(EventTypes(), l.Type) {
		return nil
	}
	key := l.Code.Fingerprint()
	var all []Event
	tell := func(t Type, data any) { all = append(all, Event{lineID(l, t), t, l.At, data}) }
	switch l.Type { //nolint:exhaustive // lines of other types cause no event about a key
	case tasks.EventIssued:
		tell(KeyIssued, issued{key, l.Change})
	case tasks.EventRevoked:
		tell(KeyRevoked, revoked{key})
	case tasks.EventEnded, tasks.EventResolved:
		tell(TaskFinished, finished{
			key, l.Task, l.Kind, l.Outcome, l.Outcome.Message(l.Kind), l.Plan, l.To, l.Type == tasks.EventResolved,
		})
	}
	if l.Plan != "" && l.Outcome.Fault() != "" {
		tell(PlanFaulted, faulted{l.Plan, l.Outcome.Fault(), l.Task})
	}
	return all
}

// lowEvent returns the event that a country is low. The number mark identifies the occasion.
func lowEvent(listener string, mark int64, at time.Time, l low) Event {
	return Event{id(StockLow, listener, string(l.Country), strconv.FormatInt(mark, 10)), StockLow, at, l}
}

func lineID(l tasks.HistoryEntry, t Type) string {
	return id(t, l.Change, string(l.Code), strconv.Itoa(l.N))
}

// id derives the permanent id of an event from the change that wrote its history line. It does not use a
// sequence number, because the same numbers occur again after a restore from a backup. The id does not
// reveal a key.
func id(t Type, parts ...string) string {
	sum := sha256.Sum256([]byte(string(t) + "\x00" + strings.Join(parts, "\x00")))
	return "evt_" + hex.EncodeToString(sum[:16])
}

// Subject returns the subject of a delivery for the log: a country, or the fingerprint of a key.
func Subject(code keys.Code, country stock.Country) string {
	if code == "" {
		return string(country)
	}
	return code.Fingerprint()
}

// NewTest returns an event without data, for a test of an endpoint.
func NewTest(name string, at time.Time) Event {
	return Event{id(Test, name), Test, at, struct{}{}}
}
