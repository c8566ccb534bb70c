package shown

import (
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// An Event is a line of a key's history.
type Event struct {
	At      Time            `json:"at"`
	Cause   tasks.EventType `json:"event"`
	Task    string          `json:"task"`
	Kind    tasks.Kind      `json:"kind"`
	Outcome tasks.Outcome   `json:"outcome"`
	Plan    string          `json:"plan"`
	From    stock.State     `json:"from"` // with To: a slot of the plan moved
	To      stock.State     `json:"to"`
	Note    string          `json:"note"`
}

// NewEvents shows a history, which is never null.
func NewEvents(history []tasks.Event) []Event {
	all := make([]Event, len(history))
	for i, e := range history {
		all[i] = Event{Time(e.At), e.Type, e.Task, e.Kind, e.Outcome, e.Plan, e.From, e.To, e.Note}
	}
	return all
}
