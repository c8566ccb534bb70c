package stock_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/stock"
)

func TestEditApply(t *testing.T) {
	soon := now.Add(time.Hour)
	plan := stock.Plan{ID: "a", Seq: 4, Country: "US", Address: "street", Invite: "link", Size: 6, Held: 1, Spent: 2, Suspect: 1, ExpiresAt: now}
	idle := stock.Plan{ID: "a", Seq: 4, Country: "US", Size: 6, Fault: stock.Full, Retired: true}
	for name, c := range map[string]struct {
		before stock.Plan
		edit   stock.PlanEdit
		after  func(*stock.Plan)
		fault  string
	}{
		"a new plan": {
			stock.Plan{},
			stock.PlanEdit{ID: "n", Country: new(stock.Country("DE")), Size: new(3), Address: new("road"), Invite: new("i"), ExpiresAt: &soon},
			func(p *stock.Plan) {
				*p = stock.Plan{ID: "n", Country: "DE", Size: 3, Address: "road", Invite: "i", ExpiresAt: soon}
			}, "",
		},
		"a new plan of no slots": {
			stock.Plan{},
			stock.PlanEdit{ID: "n", Country: new(stock.Country("DE")), Size: new(0)},
			func(p *stock.Plan) { p.ID, p.Country = "n", "DE" }, "",
		},
		"a new plan without a country": {stock.Plan{}, stock.PlanEdit{ID: "n", Size: new(3)}, nil, "no such plan"},
		"a new plan without a size":    {stock.Plan{}, stock.PlanEdit{ID: "n", Country: new(stock.Country("DE"))}, nil, "no such plan"},
		"more than any plan has":       {plan, stock.PlanEdit{ID: "a", Size: new(stock.MaxSize + 1)}, nil, "1000001"},
		"a country that is none":       {stock.Plan{}, stock.PlanEdit{ID: "n", Country: new(stock.Country("de")), Size: new(1)}, nil, "ISO 3166-1"},
		"a new plan below nothing":     {stock.Plan{}, stock.PlanEdit{ID: "n", Country: new(stock.Country("DE")), Size: new(-1)}, nil, "-1"},
		"retiring an unknown plan":     {stock.Plan{}, stock.PlanEdit{ID: "n", Country: new(stock.Country("DE")), Size: new(1), Retire: true}, nil, "no such plan"},

		"nothing edited":   {plan, stock.PlanEdit{ID: "a"}, func(*stock.Plan) {}, ""},
		"the address":      {plan, stock.PlanEdit{ID: "a", Address: new("")}, func(p *stock.Plan) { p.Address = "" }, ""},
		"the invite":       {plan, stock.PlanEdit{ID: "a", Invite: new("new")}, func(p *stock.Plan) { p.Invite = "new" }, ""},
		"the end":          {plan, stock.PlanEdit{ID: "a", ExpiresAt: &soon}, func(p *stock.Plan) { p.ExpiresAt = soon }, ""},
		"no end":           {plan, stock.PlanEdit{ID: "a", ExpiresAt: &time.Time{}}, func(p *stock.Plan) { p.ExpiresAt = time.Time{} }, ""},
		"more slots":       {plan, stock.PlanEdit{ID: "a", Size: new(9)}, func(p *stock.Plan) { p.Size = 9 }, ""},
		"just enough":      {plan, stock.PlanEdit{ID: "a", Size: new(4)}, func(p *stock.Plan) { p.Size = 4 }, ""},
		"too few":          {plan, stock.PlanEdit{ID: "a", Size: new(3), Address: new("x")}, nil, "3 slots are fewer than the 4"},
		"the same country": {plan, stock.PlanEdit{ID: "a", Country: new(stock.Country("US"))}, func(*stock.Plan) {}, ""},
		"a country in use": {plan, stock.PlanEdit{ID: "a", Country: new(stock.Country("DE"))}, nil, "country cannot change"},
		"an idle country":  {idle, stock.PlanEdit{ID: "a", Country: new(stock.Country("DE"))}, func(p *stock.Plan) { p.Country, p.Fault, p.Retired = "DE", "", false }, ""},
		"back into stock":  {idle, stock.PlanEdit{ID: "a"}, func(p *stock.Plan) { p.Fault, p.Retired = "", false }, ""},
		"retired":          {plan, stock.PlanEdit{ID: "a", Retire: true}, func(p *stock.Plan) { p.Retired = true }, ""},
		"retired, faulty":  {idle, stock.PlanEdit{ID: "a", Retire: true}, func(*stock.Plan) {}, ""},
	} {
		want := c.before
		if c.after != nil {
			c.after(&want)
		}
		got, err := c.edit.Apply(c.before)
		if got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
		if (err != nil) != (c.fault != "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: %v, not %q", name, err, c.fault)
		}
		if strings.Contains(c.fault, "no such plan") && !errors.Is(err, stock.ErrPlan) {
			t.Errorf("%s: %v is not ErrPlan", name, err)
		}
	}
}
