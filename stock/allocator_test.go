package stock_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keyseat/keyseat/stock"
)

var (
	now    = time.Date(2026, 11, 22, 19, 37, 0, 0, time.UTC)
	states = []stock.State{stock.Free, stock.Held, stock.Spent, stock.Suspect}
)

// A shelf is a simple model of a plan in an Allocator. It has the state of every slot, instead of counters.
type shelf struct {
	plan  stock.Plan // without its counters
	slots []stock.State
	moved bool
}

func (s shelf) find(state stock.State) int { return slices.Index(s.slots, state) }

func (s shelf) count(state stock.State) (n int) {
	for _, slot := range s.slots {
		if slot == state {
			n++
		}
	}
	return n
}

func (s shelf) counted() stock.Plan {
	p := s.plan
	p.Size, p.Held, p.Spent, p.Suspect = len(s.slots), s.count(stock.Held), s.count(stock.Spent), s.count(stock.Suspect)
	return p
}

func (s shelf) live() bool {
	e := s.plan.ExpiresAt
	return !s.plan.Retired && s.plan.Fault == "" && (e.IsZero() || e.After(now))
}

// A model is a list of shelves in the order of import.
type model []shelf

func (m model) copy() model {
	c := slices.Clone(m)
	for i := range c {
		c[i].slots = slices.Clone(c[i].slots)
	}
	return c
}

func (m model) byID(id string) *shelf {
	for i := range m {
		if m[i].plan.ID == id {
			return &m[i]
		}
	}
	return nil
}

// apply returns the model after a transfer and a claim, and the claimed plan. After an error, the model is unchanged.
func (m model) apply(move *stock.Transfer, claim *stock.Claim) (model, stock.Plan, error) {
	after := m.copy()
	if move != nil {
		s := after.byID(move.Plan)
		if s == nil || s.find(move.From) < 0 {
			return m, stock.Plan{}, stock.ErrSlotState
		}
		s.slots[s.find(move.From)], s.moved = move.To, true
		if move.Fault != "" {
			s.plan.Fault = move.Fault
		}
	}
	if claim == nil {
		return after, stock.Plan{}, nil
	}
	for i := range after {
		s := &after[i]
		free := s.find(stock.Free)
		if s.plan.Country == claim.Country && s.live() && free >= 0 && !slices.Contains(claim.Except, s.plan.ID) {
			s.slots[free], s.moved = stock.Held, true
			return after, s.counted(), nil
		}
	}
	return m, stock.Plan{}, stock.ErrOutOfStock
}

func (m model) changed() (plans []stock.Plan) {
	for _, s := range m {
		if s.moved {
			plans = append(plans, s.counted())
		}
	}
	return plans
}

var planIDs = []string{"a", "b", "c", "d", "e"}

func drawModel(t *rapid.T) model {
	m := make(model, rapid.IntRange(0, len(planIDs)).Draw(t, "plans"))
	for i := range m {
		m[i].plan = stock.Plan{
			ID: planIDs[i], Seq: int64(i + 1), Address: "address " + planIDs[i], Invite: "invite " + planIDs[i],
			Country:   rapid.SampledFrom([]stock.Country{"US", "US", "DE"}).Draw(t, "country"),
			ExpiresAt: rapid.SampledFrom([]time.Time{{}, {}, now.Add(-1), now, now.Add(1)}).Draw(t, "expires"),
			Retired:   rapid.IntRange(0, 9).Draw(t, "retired") == 0,
			Fault:     rapid.SampledFrom([]stock.Fault{"", "", "", "", stock.Full}).Draw(t, "fault"),
		}
		m[i].slots = rapid.SliceOfN(rapid.SampledFrom(states), 0, 4).Draw(t, "slots")
	}
	return m
}

func drawMove(t *rapid.T) *stock.Transfer {
	if rapid.Bool().Draw(t, "no move") {
		return nil
	}
	states := rapid.Permutation(states).Draw(t, "states")
	return &stock.Transfer{
		Plan: rapid.SampledFrom(append(planIDs, "unknown")).Draw(t, "plan"), From: states[0], To: states[1],
		Fault: rapid.SampledFrom([]stock.Fault{"", "", "", stock.Expired, stock.Full, stock.Invalid}).Draw(t, "fault"),
	}
}

func drawClaim(t *rapid.T) *stock.Claim {
	if rapid.Bool().Draw(t, "no claim") {
		return nil
	}
	return &stock.Claim{
		Country: rapid.SampledFrom([]stock.Country{"US", "DE", "FR"}).Draw(t, "country"),
		Except:  rapid.SliceOfNDistinct(rapid.SampledFrom(planIDs), 0, 2, rapid.ID).Draw(t, "except"),
	}
}

// TestAllocatorAgainstModel makes random transfers and claims in an Allocator and in a model, and compares the two.
func TestAllocatorAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		var plans []stock.Plan
		for _, s := range m {
			plans = append(plans, s.counted())
		}
		b := stock.NewAllocator(now, rapid.Permutation(plans).Draw(t, "order of loading"))
		for range rapid.IntRange(1, 12).Draw(t, "posts") {
			move, claim := drawMove(t), drawClaim(t)
			after, want, wantErr := m.apply(move, claim)
			got, err := b.Apply(move, claim)
			if !errors.Is(err, wantErr) || got != want {
				t.Fatalf("%+v, %+v:\n got %+v, %v\nwant %+v, %v", move, claim, got, err, want, wantErr)
			}
			m = after
			if got, want := b.Changed(), m.changed(); !slices.Equal(got, want) {
				t.Fatalf("changed:\n got %+v\nwant %+v", got, want)
			}
			for _, p := range b.Changed() {
				whole(t, p)
			}
		}
	})
}

type fataler interface{ Fatalf(string, ...any) }

// whole checks that no count of a plan is negative, and that the counts add up to the size of the plan.
func whole(t fataler, p stock.Plan) {
	if min(p.Free(), p.Held, p.Spent, p.Suspect) < 0 || p.Free()+p.Held+p.Spent+p.Suspect != p.Size {
		t.Fatalf("the counts of %+v are wrong", p)
	}
}

// TestFreedSlotIsClaimed tests that one call of Apply can free a slot and claim the same slot, unless the plan has a
// fault.
func TestFreedSlotIsClaimed(t *testing.T) {
	plan := stock.Plan{ID: "a", Seq: 1, Country: "US", Size: 1, Held: 1}
	for fault, want := range map[stock.Fault]error{"": nil, stock.Full: stock.ErrOutOfStock} {
		b := stock.NewAllocator(now, []stock.Plan{plan})
		got, err := b.Apply(&stock.Transfer{Plan: "a", Country: "US", From: stock.Held, To: stock.Free, Fault: fault}, &stock.Claim{Country: "US"})
		if !errors.Is(err, want) {
			t.Errorf("fault %q: %+v, %v", fault, got, err)
		}
		if err == nil && got != plan {
			t.Errorf("the claim gave %+v", got)
		}
		if err != nil && len(b.Changed()) != 0 {
			t.Errorf("a rejected transfer or claim left %+v", b.Changed())
		}
	}
}

// TestNeverOversold claims slots of two plans until no slot is free.
func TestNeverOversold(t *testing.T) {
	b := stock.NewAllocator(now, []stock.Plan{
		{ID: "second", Seq: 2, Country: "US", Size: 2, Spent: 1},
		{ID: "first", Seq: 1, Country: "US", Size: 2},
	})
	var claimed []string
	for {
		p, err := b.Apply(nil, &stock.Claim{Country: "US"})
		if errors.Is(err, stock.ErrOutOfStock) {
			break
		}
		claimed = append(claimed, p.ID)
	}
	if fmt.Sprint(claimed) != "[first first second]" {
		t.Errorf("the claims returned %v", claimed)
	}
}

// TestApplyNothing tests that Apply without a transfer and a claim changes nothing.
func TestApplyNothing(t *testing.T) {
	b := stock.NewAllocator(now, []stock.Plan{{ID: "a", Country: "US", Size: 1}})
	if p, err := b.Apply(nil, nil); p != (stock.Plan{}) || err != nil || b.Changed() != nil {
		t.Errorf("%+v, %v, %v", p, err, b.Changed())
	}
}
