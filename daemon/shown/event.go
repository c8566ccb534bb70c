package shown

import (
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// An Event is an entry of a key's history.
type Event struct {
	At      Time            `json:"at"`
	Cause   tasks.EventType `json:"event"`
	Task    string          `json:"task"`
	Kind    tasks.Kind      `json:"kind"`
	Outcome tasks.Outcome   `json:"outcome"`
	Plan    string          `json:"plan"`
	From    stock.State     `json:"from"` // with To: the move of a slot of the plan
	To      stock.State     `json:"to"`
	Note    string          `json:"note"`
}

// NewEvents converts a history. The result is never null in JSON.
func NewEvents(history []tasks.Event) []Event {
	all := make([]Event, len(history))
	for i, e := range history {
		all[i] = Event{Time(e.At), e.Type, e.Task, e.Kind, e.Outcome, e.Plan, e.From, e.To, e.Note}
	}
	return all
}
