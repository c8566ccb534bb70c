package client

import (
	"context"
	"iter"
	"net/http"
	"time"

	"github.com/keyseat/keyseat/stock"
)

// A PlanEdit contains the changes of a plan. A nil field keeps its value. A new plan needs a country and
// slots.
type PlanEdit struct {
	Country   *string // the country code, in upper or lower case
	Slots     *int    // at least the number of slots that are held, spent or suspect
	Address   *string
	Invite    *string
	ExpiresAt *time.Time // the zero time: never
}

func (e PlanEdit) body() map[string]any {
	body := map[string]any{}
	put(body, "country", e.Country)
	put(body, "slots", e.Slots)
	put(body, "address", e.Address)
	put(body, "invite", e.Invite)
	put(body, "expires_at", e.ExpiresAt)
	if e.ExpiresAt != nil && e.ExpiresAt.IsZero() {
		body["expires_at"] = nil
	}
	return body
}

func put[T any](body map[string]any, name string, value *T) {
	if value != nil {
		body[name] = *value
	}
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
	return listAll[Plan](ctx, a, "plans", nil)
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
