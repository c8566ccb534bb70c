package main

import (
	"context"
	"strconv"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/stock"
)

// plansList is keyseatd plans list.
type plansList struct {
	databaseFlag
	outputFlag
}

// Run lists all plans.
func (p *plansList) Run(ctx context.Context, c console) error {
	return p.open(ctx, func(s *bunstore.Store) error {
		now := time.Now()
		rows := mapped(allPlans(ctx, s), func(p stock.Plan) planLine { return newPlanLine(p, now) })
		return list(c.out, p.outputFlag, planHeader, rows)
	})
}

const planHeader = "ID COUNTRY STATE SLOTS FREE HELD SPENT SUSPECT EXPIRES ADDRESS"

// A planLine is a plan in a list. Its state is live, or why it is out of stock.
type planLine struct {
	ID        string        `json:"id"`
	Country   stock.Country `json:"country"`
	State     string        `json:"state"`
	Slots     int           `json:"slots"`
	Free      int           `json:"free"`
	Held      int           `json:"held"`
	Spent     int           `json:"spent"`
	Suspect   int           `json:"suspect"`
	ExpiresAt moment        `json:"expires_at"`
	Address   string        `json:"address"`
	Invite    string        `json:"invite"`
}

func newPlanLine(p stock.Plan, now time.Time) planLine {
	return planLine{
		p.ID, p.Country, planState(p, now), p.Size, p.Free(), p.Held, p.Spent, p.Suspect,
		moment(p.ExpiresAt), p.Address, p.Invite,
	}
}

func planState(p stock.Plan, now time.Time) string {
	switch {
	case p.Live(now):
		return "live"
	case p.Retired:
		return "retired"
	case p.Fault != "":
		return string(p.Fault)
	}
	return string(stock.Expired)
}

func (p planLine) cells() []string {
	return []string{
		p.ID, string(p.Country), p.State, strconv.Itoa(p.Slots), strconv.Itoa(p.Free), strconv.Itoa(p.Held),
		strconv.Itoa(p.Spent), strconv.Itoa(p.Suspect), p.ExpiresAt.String(), p.Address,
	}
}
