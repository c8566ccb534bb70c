package stock

import (
	"errors"
	"fmt"
	"time"
)

// ErrPlan says that no plan has that id.
var ErrPlan = errors.New("there is no such plan")

// A PlanEdit is what an operator says of a plan; a nil part keeps its value. One that does not retire
// the plan puts it back into stock: it is live again, and no fault stands.
type PlanEdit struct {
	ID        string
	Country   *Country // needed for a new plan
	Size      *int     // needed for a new plan
	Address   *string
	Invite    *string
	ExpiresAt *time.Time // zero: never
	Retire    bool       // needs a plan that is there
}

// Apply edits a plan; the zero Plan is one that is not there yet, its Seq left to the store. The
// error says in a person's words what cannot be (a size below 0, above [MaxSize] or below the slots in
// use, another country while there are any), or is [ErrCountry], or is [ErrPlan] where a plan
// that is not there is to be retired, or lacks its country or size.
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

// MaxSize is how many slots a plan has at most: far more than any, and few enough to be summed.
const MaxSize = 1_000_000

// validate says what is wrong with the edit in itself.
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
