package audit_test

import (
	"testing"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/audit"
)

// moved returns an event of task T with a transfer. The event type is optional.
func moved(plan string, from, to stock.State, cause ...tasks.EventType) tasks.Event {
	e := tasks.Event{Task: "T", Plan: plan, From: from, To: to}
	if len(cause) > 0 {
		e.Type = cause[0]
	}
	return e
}

// TestSlotHistory tests the locations of a slot in its history.
func TestSlotHistory(t *testing.T) {
	other := tasks.Event{Task: "U", Plan: "elm", From: stock.Free, To: stock.Held}
	for _, c := range []struct {
		name           string
		events         []tasks.Event
		plan           string
		slot           stock.State
		agrees, broken bool
	}{
		{"none", nil, "", "", true, false},
		{"held", []tasks.Event{moved("elm", "free", "held"), other}, "elm", "held", true, false},
		{"spent", []tasks.Event{moved("elm", "free", "held"), moved("elm", "held", "spent")}, "elm", "spent", true, false},
		{"released", []tasks.Event{moved("elm", "free", "held"), moved("elm", "held", "spent"), moved("elm", "spent", "free")}, "elm", "free", true, false},
		{"the next plan", []tasks.Event{moved("elm", "free", "held"), moved("elm", "held", "free"), moved("oak", "free", "held")}, "oak", "held", true, false},
		{"another state", []tasks.Event{moved("elm", "free", "held")}, "elm", "spent", false, false},
		{"another plan", []tasks.Event{moved("elm", "free", "held")}, "oak", "held", false, false},
		{"held twice", []tasks.Event{moved("elm", "free", "held"), moved("elm", "free", "held")}, "elm", "held", false, true},
		{"held twice, then spent", []tasks.Event{moved("elm", "free", "held"), moved("elm", "free", "held"), moved("elm", "held", "spent")}, "elm", "spent", false, true},
		{"held twice, closed twice", []tasks.Event{
			moved("elm", "free", "held"), moved("elm", "free", "held"), moved("elm", "held", "free"), moved("elm", "held", "free"),
		}, "elm", "free", true, true},
		{"an unknown state", []tasks.Event{moved("elm", "free", "lost")}, "elm", "free", true, false},
		{"and looked at", []tasks.Event{
			moved("elm", "free", "held"), moved("elm", "free", "held"), moved("elm", "held", "free"), moved("", "", "", tasks.EventRepaired), moved("elm", "held", "spent"),
		}, "elm", "spent", true, false},
	} {
		history := audit.Record{Events: c.events}.SlotHistory("T")
		task := tasks.Task{ID: "T", Plan: tasks.PlanSnapshot{ID: c.plan}, Slot: c.slot}
		if history.Matches(task) != c.agrees || history.OutOfOrder() != c.broken {
			t.Errorf("%s: agrees %v, broken %v: %s", c.name, history.Matches(task), history.OutOfOrder(), history)
		}
	}
}

// TestSlotHistoryString tests the text of the sums of a slot's transfers.
func TestSlotHistoryString(t *testing.T) {
	for want, events := range map[string][]tasks.Event{
		"nothing":                                nil,
		"1 held, 0 spent, 0 suspect of plan elm": {moved("elm", "free", "held")},
		"0 held, 0 spent, 1 suspect of plan oak": {moved("elm", "free", "held"), moved("elm", "held", "free"), moved("oak", "free", "suspect")},
		"0 held, 1 spent, 0 suspect of plan elm, -1 held, 1 spent, 0 suspect of plan oak": {moved("oak", "held", "spent"), moved("elm", "free", "spent")},
	} {
		if got := (audit.Record{Events: events}).SlotHistory("T").String(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
