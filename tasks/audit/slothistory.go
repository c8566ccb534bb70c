package audit

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A SlotHistory is the history of one task's slot.
type SlotHistory struct {
	sums   map[slotLocation]int // the sum of all transfers for each location, without zeros
	broken bool                 // since the last repair, a transfer began at a location at which the slot was not
	at     slotLocation
}

// A slotLocation is a plan and the state of a slot in it. The zero slotLocation means that the task has no slot.
type slotLocation struct {
	plan  string
	state stock.State
}

// SlotHistory reads the record's events about the slot of the given task. [SlotHistory.OutOfOrder] ignores the
// transfers before the last repair.
func (r Record) SlotHistory(id string) SlotHistory {
	t := SlotHistory{sums: map[slotLocation]int{}}
	for _, e := range r.Events {
		if e.Task == id {
			t.follow(e)
		}
	}
	return t
}

func (t *SlotHistory) follow(e tasks.Event) {
	if e.To != "" {
		from, to := newSlotLocation(e.Plan, e.From), newSlotLocation(e.Plan, e.To)
		t.broken, t.at = t.broken || from != t.at, to
		add(t.sums, from, -1)
		add(t.sums, to, 1)
	}
	if e.Type == tasks.EventRepaired {
		t.broken = false
		t.at, _ = t.place()
	}
}

// taken lists the states of a slot that belongs to a task.
var taken = []stock.State{stock.Held, stock.Spent, stock.Suspect}

// add adds n slots at a location to the sums. It ignores free slots, and the unknown states of damaged history entries.
func add(sums map[slotLocation]int, at slotLocation, n int) {
	if !slices.Contains(taken, at.state) {
		return
	}
	sums[at] += n
	if sums[at] == 0 {
		delete(sums, at)
	}
}

// newSlotLocation returns the location of a slot. It is zero for a free slot, which no task has.
func newSlotLocation(plan string, s stock.State) slotLocation {
	if s == stock.Free || s == "" {
		return slotLocation{}
	}
	return slotLocation{plan, s}
}

// OutOfOrder reports whether a transfer began at a location at which the slot was not. For example, the history holds a
// slot that is held already.
func (t SlotHistory) OutOfOrder() bool { return t.broken }

// Matches reports whether the transfers lead to the plan and the state of the slot that the task has.
func (t SlotHistory) Matches(task tasks.Task) bool { return len(t.missingMoves(task)) == 0 }

// String returns the sums as a text for people, or "nothing" if all sums are zero.
func (t SlotHistory) String() string {
	counts := map[string]stock.SlotCounts{}
	for at, n := range t.sums {
		counts[at.plan] = counts[at.plan].Add(at.state, n)
	}
	var texts []string
	for _, plan := range slices.Sorted(maps.Keys(counts)) {
		texts = append(texts, counts[plan].String()+" of plan "+plan)
	}
	return cmp.Or(strings.Join(texts, ", "), "nothing")
}

// place returns the location of the slot according to the sums, and true if the sums are one slot or no slot. It
// returns false for any other sums.
func (t SlotHistory) place() (slotLocation, bool) {
	if len(t.sums) > 1 {
		return slotLocation{}, false
	}
	for at, n := range t.sums {
		return at, n == 1
	}
	return slotLocation{}, true
}

// missingMoves returns the transfers that the history lacks. Together with them, the history leads to the location of
// the slot that the task has. The returned events have only Plan, From and To.
func (t SlotHistory) missingMoves(task tasks.Task) []tasks.Event {
	missing := map[slotLocation]int{}
	for at, n := range t.sums {
		missing[at] = -n
	}
	add(missing, newSlotLocation(task.Plan.ID, task.Slot), 1)
	begins, ends := map[string][]stock.State{}, map[string][]stock.State{} // for each plan, the states in which the missing transfers begin and end
	for at, n := range missing {
		begins[at.plan] = append(begins[at.plan], slices.Repeat([]stock.State{at.state}, max(-n, 0))...)
		ends[at.plan] = append(ends[at.plan], slices.Repeat([]stock.State{at.state}, max(n, 0))...)
	}
	var moves []tasks.Event
	for _, plan := range slices.Sorted(maps.Keys(begins)) {
		from, to := slices.Sorted(slices.Values(begins[plan])), slices.Sorted(slices.Values(ends[plan]))
		for i := range max(len(from), len(to)) {
			move := tasks.Event{Plan: plan, From: stock.Free, To: stock.Free}
			if i < len(from) {
				move.From = from[i]
			}
			if i < len(to) {
				move.To = to[i]
			}
			moves = append(moves, move)
		}
	}
	return moves
}
