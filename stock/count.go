package stock

import "fmt"

// A SlotCounts holds the number of a plan's slots in each state except [Free]. The remaining slots of the
// plan are free. A SlotCounts can also be the difference of two counts; then its numbers may be negative.
type SlotCounts struct{ Held, Spent, Suspect int }

// Counts returns the number of the plan's slots in each state.
func (p Plan) Counts() SlotCounts { return SlotCounts{p.Held, p.Spent, p.Suspect} }

// WithCounts returns the plan with the given counters. The error is [ErrSlotState] if a counter is
// negative or the sum of the counters is greater than the plan's size.
func (p Plan) WithCounts(c SlotCounts) (Plan, error) {
	p.Held, p.Spent, p.Suspect = c.Held, c.Spent, c.Suspect
	if !p.Valid() {
		return p, fmt.Errorf("plan %s: %w", p.ID, ErrSlotState)
	}
	return p, nil
}

// Valid reports whether the plan's counters and the number of its free slots are all 0 or greater.
func (p Plan) Valid() bool { return min(p.Free(), p.Held, p.Spent, p.Suspect) >= 0 }

// Add returns the counts with n more slots in a state. For [Free] it changes nothing.
func (c SlotCounts) Add(s State, n int) SlotCounts {
	p := Plan{Held: c.Held, Spent: c.Spent, Suspect: c.Suspect}
	return p.add(s, n).Counts()
}

// Transfer returns the counts after n slots have moved from one state to another.
func (c SlotCounts) Transfer(from, to State, n int) SlotCounts { return c.Add(from, -n).Add(to, n) }

// Sub returns the difference c - d.
func (c SlotCounts) Sub(d SlotCounts) SlotCounts {
	return SlotCounts{c.Held - d.Held, c.Spent - d.Spent, c.Suspect - d.Suspect}
}

// Of returns the number of slots in a state. For [Free] it returns 0, because c has no count of free slots.
func (c SlotCounts) Of(s State) int {
	switch s {
	case Held:
		return c.Held
	case Spent:
		return c.Spent
	case Suspect:
		return c.Suspect
	case Free: // not counted: the remaining slots are free
	}
	return 0
}

// String returns the counts as a text for people.
func (c SlotCounts) String() string {
	return fmt.Sprintf("%d held, %d spent, %d suspect", c.Held, c.Spent, c.Suspect)
}
