package audit

import (
	"maps"
	"slices"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A SlotHistory is the history of one task's slot.
type SlotHistory struct {
	sums   map[string]stock.SlotCounts // by plan: the sums of all transfers
	broken bool                        // since the last repair, a transfer began at a location without the slot
	at     slotLocation
}

// A slotLocation is a plan and the state of a slot in it. The zero slotLocation means that the task has no
// slot.
type slotLocation struct {
	plan  string
	state stock.State
}

// SlotHistory reads the record's events about the slot of the given task. After the event of a repair,
// earlier transfers in the wrong order no longer count as broken.
func (r Record) SlotHistory(id string) SlotHistory {
	t := SlotHistory{sums: map[string]stock.SlotCounts{}}
	for _, e := range r.Events {
		if e.Task == id {
			t.follow(e)
		}
	}
	return t
}

func (t *SlotHistory) follow(e tasks.Event) {
	if e.To != "" {
		t.broken = t.broken || newSlotLocation(e.Plan, e.From) != t.at
		t.at = newSlotLocation(e.Plan, e.To)
		t.sums[e.Plan] = t.sums[e.Plan].Transfer(e.From, e.To, 1)
	}
	if e.Type == tasks.EventRepaired {
		t.broken = false
		t.at, _ = t.place()
	}
}

// newSlotLocation returns the location of a slot. It is the zero location for a free slot, because no task
// has a free slot.
func newSlotLocation(plan string, s stock.State) slotLocation {
	if s == stock.Free || s == "" {
		return slotLocation{}
	}
	return slotLocation{plan, s}
}

// OutOfOrder reports whether a transfer began at a location without the slot. For example, the slot was held
// twice or released twice.
func (t SlotHistory) OutOfOrder() bool { return t.broken }

// Matches reports whether the sum of the transfers is the location of the slot in the task.
func (t SlotHistory) Matches(task tasks.Task) bool { return len(t.missingMoves(task)) == 0 }

// String returns the sums as a text for people, or "nothing" if all sums are zero.
func (t SlotHistory) String() string {
	s := ""
	for _, plan := range slices.Sorted(maps.Keys(t.sums)) {
		if c := t.sums[plan]; c != (stock.SlotCounts{}) {
			s += ", " + c.String() + " of plan " + plan
		}
	}
	if s == "" {
		return "nothing"
	}
	return s[2:]
}

// place returns the location of the slot according to the sums. It returns false if the sums are not
// those of one slot or no slot.
func (t SlotHistory) place() (slotLocation, bool) {
	var found []slotLocation
	for plan, c := range t.sums {
		for _, s := range taken {
			for range max(c.Of(s), 0) {
				found = append(found, slotLocation{plan, s})
			}
			if c.Of(s) < 0 {
				return slotLocation{}, false
			}
		}
	}
	switch len(found) {
	case 0:
		return slotLocation{}, true
	case 1:
		return found[0], true
	}
	return slotLocation{}, false
}

// taken lists the states of a slot that belongs to a task.
var taken = []stock.State{stock.Held, stock.Spent, stock.Suspect}

// missingMoves returns the transfers that the history lacks. With them, the sum of the transfers is the
// location of the slot in the task. The events have only Plan, From and To.
func (t SlotHistory) missingMoves(task tasks.Task) []tasks.Event {
	want := map[string]stock.SlotCounts{}
	for plan := range t.sums {
		want[plan] = stock.SlotCounts{}
	}
	if at := newSlotLocation(task.Plan.ID, task.Slot); at != (slotLocation{}) {
		want[at.plan] = want[at.plan].Add(at.state, 1)
	}
	var moves []tasks.Event
	for _, plan := range slices.Sorted(maps.Keys(want)) {
		moves = append(moves, movesFor(plan, want[plan].Sub(t.sums[plan]))...)
	}
	return moves
}

// movesFor returns the transfers of one plan with the sum d.
func movesFor(plan string, d stock.SlotCounts) []tasks.Event {
	var from, to []stock.State
	for _, s := range taken {
		for range max(-d.Of(s), 0) {
			from = append(from, s)
		}
		for range max(d.Of(s), 0) {
			to = append(to, s)
		}
	}
	moves := make([]tasks.Event, max(len(from), len(to)))
	for i := range moves {
		moves[i] = tasks.Event{Plan: plan, From: stock.Free, To: stock.Free}
		if i < len(from) {
			moves[i].From = from[i]
		}
		if i < len(to) {
			moves[i].To = to[i]
		}
	}
	return moves
}
