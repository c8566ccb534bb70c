package stock

import "fmt"

// A Count is how many slots of a plan are in each state but [Free], which is what they leave. A
// difference of two counts is one too: it may be negative.
type Count struct{ Held, Spent, Suspect int }

// Count is how many of the plan's slots are in each state.
func (p Plan) Count() Count { return Count{p.Held, p.Spent, p.Suspect} }

// Recounted is the plan with those counters, or [ErrCount] if they are negative or more than its size.
func (p Plan) Recounted(c Count) (Plan, error) {
	p.Held, p.Spent, p.Suspect = c.Held, c.Spent, c.Suspect
	if !p.Sound() {
		return p, fmt.Errorf("plan %s: %w", p.ID, ErrCount)
	}
	return p, nil
}

// Sound says whether none of the plan's counters is negative, nor the number of its free slots.
func (p Plan) Sound() bool { return min(p.Free(), p.Held, p.Spent, p.Suspect) >= 0 }

// Plus adds n slots in a state.
func (c Count) Plus(s State, n int) Count {
	p := Plan{Held: c.Held, Spent: c.Spent, Suspect: c.Suspect}
	return p.add(s, n).Count()
}

// Moved is the count after n slots have gone from one state to another.
func (c Count) Moved(from, to State, n int) Count { return c.Plus(from, -n).Plus(to, n) }

// Minus is the difference of two counts.
func (c Count) Minus(d Count) Count {
	return Count{c.Held - d.Held, c.Spent - d.Spent, c.Suspect - d.Suspect}
}

// In is how many slots are in a state other than [Free], of which it knows nothing: 0.
func (c Count) In(s State) int {
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
func (c Count) String() string {
	return fmt.Sprintf("%d held, %d spent, %d suspect", c.Held, c.Spent, c.Suspect)
}
