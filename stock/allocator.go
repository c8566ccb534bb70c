package stock

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrOutOfStock answers a claim that finds no free slot.
var ErrOutOfStock = errors.New("stock: no free slot")

// A Transfer takes one slot of a plan from one state to another, perhaps with a fault of that plan.
// The country is the plan's, so that a store can lock by it.
type Transfer struct {
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

// An Allocator is the plans that a store has loaded and locked, for one batch of moves and claims. Stores
// give it every plan that is moved and, for each claimed country, the oldest live plans with a free
// slot, as many as there are claims and exclusions; it does the counting. A book is for one goroutine.
type Allocator struct {
	at      time.Time
	plans   map[string]Plan
	order   map[Country][]string
	changed map[string]bool
}

// NewAllocator opens a book on the plans as they stand at that time.
func NewAllocator(at time.Time, plans []Plan) *Allocator {
	b := &Allocator{at: at, plans: map[string]Plan{}, order: map[Country][]string{}, changed: map[string]bool{}}
	plans = slices.SortedFunc(slices.Values(plans), func(x, y Plan) int { return cmp.Compare(x.Seq, y.Seq) })
	for _, p := range plans {
		b.plans[p.ID] = p
		b.order[p.Country] = append(b.order[p.Country], p.ID)
	}
	return b
}

// Apply enters a move and a claim, either of which may be nil, both or neither: the slot that a move
// frees can be claimed by the same post. It returns the claimed plan as it then stands (the zero
// Plan without a claim), [ErrOutOfStock], or [ErrSlotState].
func (b *Allocator) Apply(m *Transfer, c *Claim) (Plan, error) {
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

func (b *Allocator) move(m Transfer) (Plan, error) {
	p, found := b.plans[m.Plan]
	if !found {
		return p, fmt.Errorf("plan %s: %w", m.Plan, ErrSlotState)
	}
	if m.Fault != "" {
		p.Fault = m.Fault
	}
	return p.transfer(m.From, m.To)
}

// claim finds the oldest live plan with a free slot, seeing the moved plan as it will be.
func (b *Allocator) claim(c Claim, moved Plan) (Plan, error) {
	for _, id := range b.order[c.Country] {
		p := b.plans[id]
		if id == moved.ID {
			p = moved
		}
		if p.Free() > 0 && p.Available(b.at) && !slices.Contains(c.Except, id) {
			return p.transfer(Free, Held)
		}
	}
	return Plan{}, ErrOutOfStock
}

func (b *Allocator) write(p Plan) {
	if p.ID != "" {
		b.plans[p.ID], b.changed[p.ID] = p, true
	}
}

// Changed gives the plans that posts have changed, in the order of import.
func (b *Allocator) Changed() []Plan {
	var changed []Plan
	for id := range b.changed {
		changed = append(changed, b.plans[id])
	}
	slices.SortFunc(changed, func(x, y Plan) int { return cmp.Compare(x.Seq, y.Seq) })
	return changed
}
