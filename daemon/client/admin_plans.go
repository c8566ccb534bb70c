package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/keyseat/keyseat/stock"
)

// A PlanEdit contains the changes of a plan. A nil field keeps its value. A new plan needs a country and
// slots.
type PlanEdit struct {
	Country   *string    `json:"country,omitempty"` // the country code, in upper or lower case
	Slots     *int       `json:"slots,omitempty"`   // at least the number of slots that are held, spent or suspect
	Address   *string    `json:"address,omitempty"`
	Invite    *string    `json:"invite,omitempty"`
	ExpiresAt *time.Time `json:"-"` // the zero time: never
}

// body returns the JSON of the edit. In it, null as the time means never.
func (e PlanEdit) body() any {
	body := struct {
		PlanEdit

		Expires **time.Time `json:"expires_at,omitempty"`
	}{PlanEdit: e}
	if e.ExpiresAt != nil {
		body.Expires = &e.ExpiresAt
		if e.ExpiresAt.IsZero() {
			body.Expires = new(*time.Time)
		}
	}
	return body
}

// EditPlan creates or changes a plan and puts it into stock: the plan is no longer retired, and its fault
// is removed. If the slots of the plan do not allow the edit, the error is [PlanInUse].
func (a *Admin) EditPlan(ctx context.Context, id string, e PlanEdit) error {
	p, err := path("plans", id, "")
	if err != nil {
		return err
	}
	return a.do(ctx, adminCall{method: http.MethodPut, path: p, body: e.body()}, nil)
}

// RetirePlan takes a plan out of stock. Its open tasks continue to their end.
func (a *Admin) RetirePlan(ctx context.Context, id string) error {
	p, err := path("plans", id, "retire")
	if err != nil {
		return err
	}
	return a.do(ctx, adminCall{method: http.MethodPost, path: p}, nil)
}

// Plans lists the plans in the order of import. It reads page by page during the iteration. The first error
// ends the sequence.
func (a *Admin) Plans(ctx context.Context) iter.Seq2[Plan, error] {
	return listAll[Plan](ctx, a, "plans", url.Values{})
}

// Stock returns the slots of each country that has a plan, summed over its plans.
func (a *Admin) Stock(ctx context.Context) ([]stock.Level, error) {
	var body stockBody
	err := a.do(ctx, adminCall{method: http.MethodGet, path: "stock"}, &body)
	return body.Stock, err
}

// A stockBody is the response of the call stock. A level has the same field names in Go and in JSON.
type stockBody struct{ Stock []stock.Level }

func (b stockBody) invalid() bool { return b.Stock == nil }

// A Plan is a family plan and its slots.
type Plan struct {
	ID        string        `json:"id"`
	Country   stock.Country `json:"country"`
	State     string        `json:"state"` // live, or the reason why it is out of stock: retired, expired, full, invalid
	Slots     int           `json:"slots"` // the sum of free, held, spent, suspect and idle
	Free      int           `json:"free"`
	Held      int           `json:"held"`
	Spent     int           `json:"spent"`
	Suspect   int           `json:"suspect"`
	Idle      int           `json:"idle"`       // free slots of a plan that is out of stock
	ExpiresAt time.Time     `json:"expires_at"` // zero: never
	Address   string        `json:"address"`
	Invite    string        `json:"invite"`
}

func (p Plan) invalid() bool { return p.ID == "" }
