package client

import (
	"context"
	"iter"
	"net/http"
	"time"

	"github.com/keyseat/keyseat/stock"
)

// A PlanEdit is what to change of a plan: what is nil keeps its value. A new plan needs a country and
// slots.
type PlanEdit struct {
	Country   *string // its code, in any case
	Slots     *int    // no fewer than are held, spent or suspect
	Address   *string
	Invite    *string
	ExpiresAt *time.Time // the zero time is never
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

// EditPlan makes or changes a plan, and puts it into stock: it is retired no more, and no fault of it
// stands. [PlanInUse] says that its slots do not allow the edit.
func (a *Admin) EditPlan(ctx context.Context, id string, e PlanEdit) error {
	p, err := path("plans", id, "")
	if err != nil {
		return err
	}
	return a.do(ctx, request{method: http.MethodPut, path: p, body: e.body()}, nil)
}

// RetirePlan takes a plan out of stock. Its open tasks run to their end.
func (a *Admin) RetirePlan(ctx context.Context, id string) error {
	p, err := path("plans", id, "retire")
	if err != nil {
		return err
	}
	return a.do(ctx, request{method: http.MethodPost, path: p}, nil)
}

// Plans lists the plans in the order of import. It reads pages as it goes; an error is the last that
// it gives.
func (a *Admin) Plans(ctx context.Context) iter.Seq2[Plan, error] {
	return each[Plan](ctx, a, "plans", nil)
}

// Stock sums the slots of each country that has a plan.
func (a *Admin) Stock(ctx context.Context) ([]stock.Level, error) {
	var body levels
	err := a.do(ctx, request{method: http.MethodGet, path: "stock"}, &body)
	return body.Stock, err
}

// levels is the answer to stock. The fields of a level are spelt as they are in JSON.
type levels struct{ Stock []stock.Level }

func (l levels) strange() bool { return l.Stock == nil }
