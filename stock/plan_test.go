package stock_test

import (
	"errors"
	"testing"
	"time"

	"github.com/keyseat/keyseat/stock"
)

func TestLive(t *testing.T) {
	for name, c := range map[string]struct {
		plan stock.Plan
		live bool
	}{
		"plain":                 {stock.Plan{}, true},
		"expires in an instant": {stock.Plan{ExpiresAt: now.Add(1)}, true},
		"expires now":           {stock.Plan{ExpiresAt: now}, false},
		"has just expired":      {stock.Plan{ExpiresAt: now.Add(-1)}, false},
		"expires now elsewhere": {stock.Plan{ExpiresAt: now.In(time.FixedZone("", 3600))}, false},
		"retired":               {stock.Plan{Retired: true}, false},
		"retired, not expired":  {stock.Plan{Retired: true, ExpiresAt: now.Add(time.Hour)}, false},
		"found expired":         {stock.Plan{Fault: stock.Expired}, false},
		"found full":            {stock.Plan{Fault: stock.Full}, false},
		"found invalid":         {stock.Plan{Fault: stock.Invalid}, false},
	} {
		if got := c.plan.Available(now); got != c.live {
			t.Errorf("%s: live %v", name, got)
		}
	}
}

func TestFree(t *testing.T) {
	p := stock.Plan{Size: 10, Held: 1, Spent: 2, Suspect: 3}
	if p.Free() != 4 {
		t.Errorf("%d are free", p.Free())
	}
}

func TestCount(t *testing.T) {
	p := stock.Plan{ID: "p", Size: 3, Held: 1, Spent: 1}
	c := p.Counts().Transfer(stock.Held, stock.Suspect, 1).Transfer(stock.Free, stock.Held, 2)
	if c != (stock.SlotCounts{Held: 2, Spent: 1, Suspect: 1}) || c.String() != "2 held, 1 spent, 1 suspect" {
		t.Errorf("%+v", c)
	}
	if d := c.Sub(p.Counts()); d != (stock.SlotCounts{Held: 1, Suspect: 1}) || d.Of(stock.Held) != 1 || d.Of(stock.Spent) != 0 || d.Of(stock.Suspect) != 1 || d.Of(stock.Free) != 0 {
		t.Errorf("%+v", d)
	}
}

func TestRecounted(t *testing.T) {
	p := stock.Plan{ID: "p", Size: 3, Held: -1, Spent: 7}
	if p.Valid() {
		t.Error("a plan with a negative counter is sound")
	}
	for c, fits := range map[stock.SlotCounts]bool{
		{}: true, {Held: 1, Spent: 1, Suspect: 1}: true, {Spent: 4}: false, {Held: -1}: false, {Held: 2, Suspect: 2}: false,
	} {
		got, err := p.WithCounts(c)
		if fits != (err == nil) || !fits && !errors.Is(err, stock.ErrSlotState) || got.Counts() != c || got.Size != 3 {
			t.Errorf("%v: %+v, %v", c, got, err)
		}
	}
}
