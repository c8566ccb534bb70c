package stock_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/keyseat/keyseat/stock"
)

func TestLevels(t *testing.T) {
	got := stock.Levels(now, []stock.Plan{
		{ID: "a", Country: "US", Size: 10, Held: 1, Spent: 2, Suspect: 3},
		{ID: "b", Country: "DE", Size: 5, Retired: true, Spent: 1},
		{ID: "c", Country: "US", Size: 7, Fault: stock.Full, Held: 1},
		{ID: "d", Country: "US", Size: 2, ExpiresAt: now},
		{ID: "e", Country: "US", Size: 1, ExpiresAt: now.Add(1)},
	})
	want := []stock.Level{
		{Country: "DE", Size: 5, Spent: 1, Idle: 4},
		{Country: "US", Size: 20, Free: 5, Held: 2, Spent: 2, Suspect: 3, Idle: 8},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := stock.Levels(now, nil); len(got) != 0 {
		t.Errorf("no plans give %+v", got)
	}
}

// TestLevelsSum tests that every slot is counted exactly once.
func TestLevelsSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var plans []stock.Plan
		claimable := map[stock.Country]int{}
		for _, s := range drawModel(t) {
			plans = append(plans, s.counted())
			if s.live() {
				claimable[s.plan.Country] += s.count(stock.Free)
			}
		}
		size := 0
		for _, l := range stock.Levels(now, plans) {
			size += l.Size
			if l.Size != l.Free+l.Held+l.Spent+l.Suspect+l.Idle || l.Free != claimable[l.Country] {
				t.Fatalf("%+v, of which %d can be claimed", l, claimable[l.Country])
			}
		}
		for _, p := range plans {
			size -= p.Size
		}
		if size != 0 {
			t.Fatalf("%d slots too many", size)
		}
	})
}
