package stock

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrOutOfStock reports that a claim found no free slot.
var ErrOutOfStock = errors.New("stock: no free slot")

// A Transfer moves one slot of a plan from one state to another, and can record a fault of that plan.
// Country is the country of the plan, so that a store can lock by country.
type Transfer struct {
	Plan     string // its id
	Country  Country
	From, To State
	Fault    Fault // "": the fault of the plan does not change
}

// A Claim requests one free slot in a country. The slot becomes held. The plans in Except are excluded.
type Claim struct {
	Country Country
	Except  []string // ids of plans
}

// An Allocator applies one batch of transfers and claims to plans that a store has loaded and locked. It
// does the counting. The store must load these plans:
//
//   - every plan that a transfer names;
//   - for each claimed country, the oldest available plans with a free slot: one plan for each claim, each exclusion
//     and each transfer in that country. Transfers count, because a transfer can take a plan out of stock with a fault.
//
// An Allocator is not safe for concurrent use.
type Allocator struct {
	at      time.Time
	plans   map[string]Plan
	order   map[Country][]string
	changed map[string]bool
}

// NewAllocator returns an Allocator for the given plans. The time decides which plans have expired.
func NewAllocator(at time.Time, plans []Plan) *Allocator {
	a := &Allocator{at: at, plans: map[string]Plan{}, order: map[Country][]string{}, changed: map[string]bool{}}
	plans = slices.SortedFunc(slices.Values(plans), func(x, y Plan) int { return cmp.Compare(x.Seq, y.Seq) })
	for _, p := range plans {
		a.plans[p.ID] = p
		a.order[p.Country] = append(a.order[p.Country], p.ID)
	}
	return a
}

// Apply makes a transfer and then a claim; either may be nil. If one of them fails, neither is made. The
// claim can take the slot that the transfer frees. Apply returns the claimed plan after both, or the zero
// Plan if c is nil. The error is [ErrOutOfStock] or [ErrSlotState].
func (a *Allocator) Apply(m *Transfer, c *Claim) (Plan, error) {
	var moved, claimed Plan
	var err error
	if m != nil {
		if moved, err = a.move(*m); err != nil {
			return Plan{}, err
		}
	}
	if c != nil {
		if claimed, err = a.claim(*c, moved); err != nil {
			return Plan{}, err
		}
	}
	a.write(moved)
	a.write(claimed)
	return claimed, nil
}

func (a *Allocator) move(m Transfer) (Plan, error) {
	p, found := a.plans[m.Plan]
	if !found {
		return p, fmt.Errorf("plan %s: %w", m.Plan, ErrSlotState)
	}
	if m.Fault != "" {
		p.Fault = m.Fault
	}
	return p.transfer(m.From, m.To)
}

// claim takes a slot of the oldest available plan with a free slot. It sees moved, the plan of the
// transfer, as it is after the transfer.
func (a *Allocator) claim(c Claim, moved Plan) (Plan, error) {
	for _, id := range a.order[c.Country] {
		p := a.plans[id]
		if id == moved.ID {
			p = moved
		}
		if p.Free() > 0 && p.Available(a.at) && !slices.Contains(c.Except, id) {
			return p.transfer(Free, Held)
		}
	}
	return Plan{}, ErrOutOfStock
}

func (a *Allocator) write(p Plan) {
	if p.ID != "" {
		a.plans[p.ID], a.changed[p.ID] = p, true
	}
}

// Changed returns the plans that Apply has changed, in the order of import.
func (a *Allocator) Changed() []Plan {
	var changed []Plan
	for id := range a.changed {
		changed = append(changed, a.plans[id])
	}
	slices.SortFunc(changed, func(x, y Plan) int { return cmp.Compare(x.Seq, y.Seq) })
	return changed
}
