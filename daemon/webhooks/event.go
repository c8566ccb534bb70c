package webhooks

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A Type is what an event tells of.
type Type string

// The types.
const (
	TaskFinished Type = "task.finished" // a task has ended, or its suspect slot was resolved
	KeyIssued    Type = "key.issued"    // a new key; not one that was imported
	KeyRevoked   Type = "key.revoked"
	PlanFaulted  Type = "plan.faulted" // a plan was found faulty, and is out of stock
	StockLow     Type = "stock.low"    // a country has come down to its threshold
	Test         Type = "webhook.test" // only ever sent by hand
)

// Types lists what an endpoint can ask for.
func Types() []Type { return []Type{TaskFinished, KeyIssued, KeyRevoked, PlanFaulted, StockLow} }

// EventTypes are those of the lines of history that events can come from.
func EventTypes() []tasks.EventType {
	return []tasks.EventType{tasks.EventIssued, tasks.EventRevoked, tasks.EventPlanFaulty, tasks.EventEnded, tasks.EventResolved}
}

// An Event is what an endpoint is told.
type Event struct {
	ID   string // the same whenever it is told
	Type Type
	At   time.Time // when it happened
	Data any
}

// Body is the event as it is sent: JSON on one line, with & and the like left as they are.
func (e Event) Body() ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(struct {
		Type Type   `json:"type"`
		At   string `json:"timestamp"`
		Data any    `json:"data"`
	}{e.Type, e.At.UTC().Format(time.RFC3339Nano), e.Data})
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// What the events carry. Key is always a fingerprint.
type (
	finished struct {
		Key      string        `json:"key"`
		Task     string        `json:"task"`
		Kind     tasks.Kind    `json:"kind"`
		Outcome  tasks.Outcome `json:"outcome"`
		Message  string        `json:"message"`
		Plan     string        `json:"plan,omitempty"`
		Slot     stock.State   `json:"slot,omitempty"` // where the slot of the plan is now
		Resolved bool          `json:"resolved"`       // by an operator, after it had ended
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
		Task  string      `json:"task"` // that has found it
	}
	low struct {
		Country   stock.Country `json:"country"`
		Free      int           `json:"free"`
		Threshold int           `json:"threshold"`
	}
)

// Events are what a line of history tells, in order: most tell nothing, few tell two things.
func Events(l tasks.HistoryEntry) []Event {
	if !slices.Contains(EventTypes(), l.Type) {
		return nil
	}
	key := daemon.Fingerprint(l.Code)
	var all []Event
	tell := func(t Type, data any) { all = append(all, Event{lineID(l, t), t, l.At, data}) }
	switch l.Type { //nolint:exhaustive // the others tell nothing of a key
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

// lowEvent tells that a country is low since the occasion that the mark names.
func lowEvent(listener string, mark int64, at time.Time, l low) Event {
	return Event{id(StockLow, listener, string(l.Country), strconv.FormatInt(mark, 10)), StockLow, at, l}
}

func lineID(l tasks.HistoryEntry, t Type) string {
	return id(t, l.Change, string(l.Code), strconv.Itoa(l.N))
}

// id names an event, for ever: by what has written its line and not by a number, because numbers come
// again when a backup is restored. A key cannot be read from it.
func id(t Type, parts ...string) string {
	sum := sha256.Sum256([]byte(string(t) + "\x00" + strings.Join(parts, "\x00")))
	return "evt_" + hex.EncodeToString(sum[:16])
}

// Subject is what a delivery is about, for the log.
func Subject(code keys.Code, country stock.Country) string {
	if code == "" {
		return string(country)
	}
	return daemon.Fingerprint(code)
}

// NewTest is an event that says nothing, to try an endpoint with.
func NewTest(name string, at time.Time) Event {
	return Event{id(Test, name), Test, at, struct{}{}}
}
