package tasks

import (
	"maps"
	"slices"

	"github.com/keyseat/keyseat/stock"
)

// A Trail is what the lines of history say of one task's slot.
type Trail struct {
	sums   map[string]stock.Count // by plan, of all its moves
	broken bool                   // since the last repair a move began where the slot was not
	at     place
}

// A place is where a slot is: in that state of that plan, or nowhere.
type place struct {
	plan  string
	state stock.State
}

// Trail follows the slot of the task with that id through the record's events. A line that mended the
// task draws a line under what was before.
func (r Record) Trail(id string) Trail {
	t := Trail{sums: map[string]stock.Count{}}
	for _, e := range r.Events {
		if e.Task == id {
			t.follow(e)
		}
	}
	return t
}

func (t *Trail) follow(e Event) {
	if e.To != "" {
		t.broken = t.broken || newPlace(e.Plan, e.From) != t.at
		t.at = newPlace(e.Plan, e.To)
		t.sums[e.Plan] = t.sums[e.Plan].Moved(e.From, e.To, 1)
	}
	if e.Cause == WasRepaired {
		t.broken = false
		t.at, _ = t.place()
	}
}

// newPlace is nowhere for a free slot: it is nobody's.
func newPlace(plan string, s stock.State) place {
	if s == stock.Free || s == "" {
		return place{}
	}
	return place{plan, s}
}

// place is where the task says that its slot is.
func (t Task) place() place { return newPlace(t.Plan.ID, t.Slot) }

// Broken says whether a slot was moved from where it was not: held twice, or its hold closed twice.
func (t Trail) Broken() bool { return t.broken }

// Agrees says whether the moves add up to where the task says that its slot is.
func (t Trail) Agrees(task Task) bool { return len(t.missing(task)) == 0 }

// String says the sums to a person, "nothing" where they are none.
func (t Trail) String() string {
	s := ""
	for _, plan := range slices.Sorted(maps.Keys(t.sums)) {
		if c := t.sums[plan]; c != (stock.Count{}) {
			s += ", " + c.String() + " of plan " + plan
		}
	}
	if s == "" {
		return "nothing"
	}
	return s[2:]
}

// place is where the sums say that the slot is; false if they are not those of one slot.
func (t Trail) place() (place, bool) {
	var found []place
	for plan, c := range t.sums {
		for _, s := range taken {
			for range max(c.In(s), 0) {
				found = append(found, place{plan, s})
			}
			if c.In(s) < 0 {
				return place{}, false
			}
		}
	}
	switch len(found) {
	case 0:
		return place{}, true
	case 1:
		return found[0], true
	}
	return place{}, false
}

// taken are the states of a slot that somebody has.
var taken = []stock.State{stock.Held, stock.Spent, stock.Suspect}

// missing are the moves that the trail lacks to add up to where the task says that its slot is: plan,
// from, to.
func (t Trail) missing(task Task) []Event {
	want := map[string]stock.Count{}
	for plan := range t.sums {
		want[plan] = stock.Count{}
	}
	if at := task.place(); at != (place{}) {
		want[at.plan] = want[at.plan].Plus(at.state, 1)
	}
	var moves []Event
	for _, plan := range slices.Sorted(maps.Keys(want)) {
		moves = append(moves, lacking(plan, want[plan].Minus(t.sums[plan]))...)
	}
	return moves
}

// lacking are the moves of one plan that make that difference.
func lacking(plan string, d stock.Count) []Event {
	var from, to []stock.State
	for _, s := range taken {
		for range max(-d.In(s), 0) {
			from = append(from, s)
		}
		for range max(d.In(s), 0) {
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
