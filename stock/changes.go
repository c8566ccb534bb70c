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
//   - for each claimed country, the oldest available plans with a free slot. The number of these plans is the sum
//     of the claims, the exclusions and the transfers in that country. Transfers count, because a transfer with a
//     fault takes its plan out of stock.
//
// An Allocator is not safe for concurrent use.
type Allocator struct {
	at      time.Time
	plans   map[string]Plan
	order   map[Country][]string
	changed map[string]bool
}

// NewAllocator returns an Allocator for the given plans. The argument at decides which plans have expired.
func NewAllocator(at time.Time, plans []Plan) *Allocator {
	a := &Allocator{at: at, plans: map[string]Plan{}, order: map[Country][]string{}, changed: map[string]bool{}}
	plans = slices.SortedFunc(slices.Values(plans), func(x, y Plan) int { return cmp.Compare(x.Seq, y.Seq) })
	for _, p := range plans {
		a.plans[p.ID] = p
		a.order[p.Country] = append(a.order[p.Country], p.ID)
	}
	return a
}

// Apply makes a transfer and then a claim; either may be nil. If one of them fails, neither is made. The claim can take
// the slot that the transfer frees. Apply returns the plan with the claimed slot, as changed by the transfer and the
// claim, or the zero Plan if c is nil. The error is [ErrOutOfStock] or [ErrSlotState].
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

// claim takes a slot of the oldest available plan with a free slot. The argument moved is the plan after the transfer.
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

// ErrPlan reports that no plan has the given id.
var ErrPlan = errors.New("there is no such plan")

// A PlanEdit creates, edits or retires a plan for an operator. A nil field keeps the value of the plan.
// An edit without Retire puts the plan back into stock: the plan is then not retired and has no fault.
type PlanEdit struct {
	ID        string
	Country   *Country // needed for a new plan
	Size      *int     // needed for a new plan
	Address   *string
	Invite    *string
	ExpiresAt *time.Time // zero: never
	Retire    bool       // requires an existing plan
}

// NewPlanEdit returns the edit that creates a plan with that number of slots.
func NewPlanEdit(id string, country Country, size int) PlanEdit {
	return PlanEdit{ID: id, Country: &country, Size: &size}
}

// Apply returns the plan after the edit. For a new plan, p is the zero Plan; the store sets its Seq. The errors are:
//
//   - [ErrPlan], if p is the zero Plan and the edit retires it or lacks the country or the size;
//   - [ErrCountry], if the country is not a code in upper case;
//   - an error with a text for people, if the size is below 0, above [MaxSize] or below the number of
//     slots in use, or if the country changes while slots are in use.
//
// A slot is in use if it is held, spent or suspect.
func (e PlanEdit) Apply(p Plan) (Plan, error) {
	if p.ID == "" && (e.Retire || e.Country == nil || e.Size == nil) {
		return p, ErrPlan
	}
	if err := e.validate(); err != nil {
		return p, err
	}
	if used := p.Size - p.Free(); e.Size != nil && *e.Size < used {
		return p, fmt.Errorf("%d slots are fewer than the %d that are held, spent or suspect", *e.Size, used)
	}
	if e.Country != nil && *e.Country != p.Country && p.Size != p.Free() {
		return p, fmt.Errorf("its country cannot change from %s while slots are held, spent or suspect", p.Country)
	}
	p.ID, p.Retired = e.ID, e.Retire
	if !e.Retire {
		p.Fault = ""
	}
	setIf(&p.Country, e.Country)
	setIf(&p.Size, e.Size)
	setIf(&p.Address, e.Address)
	setIf(&p.Invite, e.Invite)
	setIf(&p.ExpiresAt, e.ExpiresAt)
	return p, nil
}

// MaxSize is the maximum number of slots of a plan. It is far above real plans, and keeps sums from overflowing.
const MaxSize = 1_000_000

// validate makes the checks that do not need the plan.
func (e PlanEdit) validate() error {
	if e.Size != nil && (*e.Size < 0 || *e.Size > MaxSize) {
		return fmt.Errorf("%d slots: a plan has 0 to %d", *e.Size, MaxSize)
	}
	if e.Country != nil {
		if c, err := ParseCountry(string(*e.Country)); err != nil || c != *e.Country {
			return ErrCountry
		}
	}
	return nil
}

func setIf[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}
