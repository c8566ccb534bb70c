package stock

import (
	"errors"
	"fmt"
	"time"
)

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

// MaxSize is the maximum number of slots of a plan. No real plan has nearly as many, and sums over all
// plans do not overflow.
const MaxSize = 1_000_000

// validate checks the edit without the plan.
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
