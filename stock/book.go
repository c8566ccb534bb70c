package stock

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrEmpty answers a claim that finds no free slot.
var ErrEmpty = errors.New("stock: no free slot")

// A Move takes one slot of a plan from one state to another, perhaps with a fault of that plan.
// The country is the plan's, so that a store can lock by it.
type Move struct {
	Plan     string // its id
	Country  Country
	From, To State
	Fault    Fault // "": what the plan has stays
}

// A Claim asks for one slot in a country, to be held, in none of the plans it excludes.
type Claim struct {
	Country Country
	Except  []string // ids of plans
}

// A Book is the plans that a store has loaded and locked, for one batch of moves and claims. Stores
// give it every plan that is moved and, for each claimed country, the oldest live plans with a free
// slot, as many as there are claims and exclusions; it does the counting. A book is for one goroutine.
type Book struct {
	at      time.Time
	plans   map[string]Plan
	order   map[Country][]string
	changed map[string]bool
}

// NewBook opens a book on the plans as they stand at that time.
func NewBook(at time.Time, plans []Plan) *Book {
	b := &Book{at: at, plans: map[string]Plan{}, order: map[Country][]string{}, changed: map[string]bool{}}
	plans = slices.SortedFunc(slices.Values(plans), func(x, y Plan) int { return cmp.Compare(x.Seq, y.Seq) })
	for _, p := range plans {
		b.plans[p.ID] = p
		b.order[p.Country] = append(b.order[p.Country], p.ID)
	}
	return b
}

// Post enters a move and a claim, either of which may be nil, both or neither: the slot that a move
// frees can be claimed by the same post. It returns the claimed plan as it then stands (the zero
// Plan without a claim), [ErrEmpty], or [ErrCount].
func (b *Book) Post(m *Move, c *Claim) (Plan, error) {
	var moved, claimed Plan
	var err error
	if m != nil {
		if moved, err = b.move(*m); err != nil {
			return Plan{}, err
		}
	}
	if c != nil {
		if claimed, err = b.claim(*c, moved); err != nil {
			return Plan{}, err
		}
	}
	b.write(moved)
	b.write(claimed)
	return claimed, nil
}

func (b *Book) move(m Move) (Plan, error) {
	p, found := b.plans[m.Plan]
	if !found {
		return p, fmt.Errorf("plan %s: %w", m.Plan, ErrCount)
	}
	if m.Fault != "" {
		p.Fault = m.Fault
	}
	return p.shift(m.From, m.To)
}

// claim finds the oldest live plan with a free slot, seeing the moved plan as it will be.
func (b *Book) claim(c Claim, moved Plan) (Plan, error) {
	for _, id := range b.order[c.Country] {
		p := b.plans[id]
		if id == moved.ID {
			p = moved
		}
		if p.Free() > 0 && p.Live(b.at) && !slices.Contains(c.Except, id) {
			return p.shift(Free, Held)
		}
	}
	return Plan{}, ErrEmpty
}

func (b *Book) write(p Plan) {
	if p.ID != "" {
		b.plans[p.ID], b.changed[p.ID] = p, true
	}
}

// Changed gives the plans that posts have changed, in the order of import.
func (b *Book) Changed() []Plan {
	var changed []Plan
	for id := range b.changed {
		changed = append(changed, b.plans[id])
	}
	slices.SortFunc(changed, func(x, y Plan) int { return cmp.Compare(x.Seq, y.Seq) })
	return changed
}
