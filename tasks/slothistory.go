package tasks

import (
	"maps"
	"slices"

	"github.com/keyseat/keyseat/stock"
)

// A SlotHistory is what the lines of history say of one task's slot.
type SlotHistory struct {
	sums   map[string]stock.SlotCounts // by plan, of all its moves
	broken bool                        // since the last repair a move began where the slot was not
	at     slotLocation
}

// A slotLocation is where a slot is: in that state of that plan, or nowhere.
type slotLocation struct {
	plan  string
	state stock.State
}

// SlotHistory follows the slot of the task with that id through the record's events. A line that mended the
// task draws a line under what was before.
func (r Record) SlotHistory(id string) SlotHistory {
	t := SlotHistory{sums: map[string]stock.SlotCounts{}}
	for _, e := range r.Events {
		if e.Task == id {
			t.follow(e)
		}
	}
	return t
}

func (t *SlotHistory) follow(e Event) {
	if e.To != "" {
		t.broken = t.broken || newSlotLocation(e.Plan, e.From) != t.at
		t.at = newSlotLocation(e.Plan, e.To)
		t.sums[e.Plan] = t.sums[e.Plan].Transfer(e.From, e.To, 1)
	}
	if e.Type == EventRepaired {
		t.broken = false
		t.at, _ = t.place()
	}
}

// newSlotLocation is nowhere for a free slot: it is nobody's.
func newSlotLocation(plan string, s stock.State) slotLocation {
	if s == stock.Free || s == "" {
		return slotLocation{}
	}
	return slotLocation{plan, s}
}

// slotLocation is where the task says that its slot is.
func (t Task) place() slotLocation { return newSlotLocation(t.Plan.ID, t.Slot) }

// OutOfOrder says whether a slot was moved from where it was not: held twice, or its hold closed twice.
func (t SlotHistory) OutOfOrder() bool { return t.broken }

// Matches says whether the moves add up to where the task says that its slot is.
func (t SlotHistory) Matches(task Task) bool { return len(t.missingMoves(task)) == 0 }

// String says the sums to a person, "nothing" where they are none.
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

// slotLocation is where the sums say that the slot is; false if they are not those of one slot.
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

// taken are the states of a slot that somebody has.
var taken = []stock.State{stock.Held, stock.Spent, stock.Suspect}

// missingMoves are the moves that the trail lacks to add up to where the task says that its slot is: plan,
// from, to.
func (t SlotHistory) missingMoves(task Task) []Event {
	want := map[string]stock.SlotCounts{}
	for plan := range t.sums {
		want[plan] = stock.SlotCounts{}
	}
	if at := task.place(); at != (slotLocation{}) {
		want[at.plan] = want[at.plan].Add(at.state, 1)
	}
	var moves []Event
	for _, plan := range slices.Sorted(maps.Keys(want)) {
		moves = append(moves, movesFor(plan, want[plan].Sub(t.sums[plan]))...)
	}
	return moves
}

// movesFor are the moves of one plan that make that difference.
func movesFor(plan string, d stock.SlotCounts) []Event {
	var from, to []stock.State
	for _, s := range taken {
		for range max(-d.Of(s), 0) {
			from = append(from, s)
		}
		for range max(d.Of(s), 0) {
			to = append(to, s)
		}
	}
	moves := make([]Event, max(len(from), len(to)))
	for i := range moves {
		moves[i] = Event{Plan: plan, From: stock.Free, To: stock.Free}
		if i < len(from) {
			moves[i].From = from[i]
		}
		if i < len(to) {
			moves[i].To = to[i]
		}
	}
	return moves
}
