package stock

import "fmt"

// A SlotCounts is how many slots of a plan are in each state but [Free], which is what they leave. A
// difference of two counts is one too: it may be negative.
type SlotCounts struct{ Held, Spent, Suspect int }

// Counts is how many of the plan's slots are in each state.
func (p Plan) Counts() SlotCounts { return SlotCounts{p.Held, p.Spent, p.Suspect} }

// WithCounts is the plan with those counters, or [ErrSlotState] if they are negative or more than its size.
func (p Plan) WithCounts(c SlotCounts) (Plan, error) {
	p.Held, p.Spent, p.Suspect = c.Held, c.Spent, c.Suspect
	if !p.Valid() {
		return p, fmt.Errorf("plan %s: %w", p.ID, ErrSlotState)
	}
	return p, nil
}

// Valid says whether none of the plan's counters is negative, nor the number of its free slots.
func (p Plan) Valid() bool { return min(p.Free(), p.Held, p.Spent, p.Suspect) >= 0 }

// Add adds n slots in a state.
func (c SlotCounts) Add(s State, n int) SlotCounts {
	p := Plan{Held: c.Held, Spent: c.Spent, Suspect: c.Suspect}
	return p.add(s, n).Counts()
}

// Transfer is the count after n slots have gone from one state to another.
func (c SlotCounts) Transfer(from, to State, n int) SlotCounts { return c.Add(from, -n).Add(to, n) }

// Sub is the difference of two counts.
func (c SlotCounts) Sub(d SlotCounts) SlotCounts {
	return SlotCounts{c.Held - d.Held, c.Spent - d.Spent, c.Suspect - d.Suspect}
}

// Of is how many slots are in a state other than [Free], of which it knows nothing: 0.
func (c SlotCounts) Of(s State) int {
	switch s {
	case Held:
		return c.Held
	case Spent:
		return c.Spent
	case Suspect:
		return c.Suspect
	case Free: // is what the others leave
	}
	return 0
}

// String says the count to a person.
func (c SlotCounts) String() string {
	return fmt.Sprintf("%d held, %d spent, %d suspect", c.Held, c.Spent, c.Suspect)
}
