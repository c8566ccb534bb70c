package stock_test

import (
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
