package main

import (
	"context"
	"strconv"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/stock"
)

// plansList is the command keyseatd plans list.
type plansList struct {
	databaseFlag
	outputFlag
}

// Help explains the output and shows examples.
func (*plansList) Help() string {
	return examples("On a narrow terminal what is less important is left out or cut; `--output json`, or a pipe, has everything.",
		"keyseatd plans list",
		"keyseatd plans list --output json")
}

// Run lists all plans.
func (p *plansList) Run(ctx context.Context, c stdio) error {
	return p.open(ctx, func(s *bunstore.Store) error {
		now := time.Now()
		rows := mapped(allPlans(ctx, s), func(p stock.Plan) planRow { return newPlanRow(p, now) })
		return list(c.out, p.outputFlag, planHeader, rows)
	})
}

const planHeader = "ID COUNTRY STATE SLOTS FREE HELD SPENT SUSPECT EXPIRES? ADDRESS~"

// A planRow is a plan, as a row of a list.
type planRow struct{ view.Plan }

func newPlanRow(p stock.Plan, now time.Time) planRow { return planRow{view.NewPlan(p, now)} }

func (p planRow) cells() []string {
	return []string{
		p.ID, string(p.Country), p.State, strconv.Itoa(p.Slots), strconv.Itoa(p.Free), strconv.Itoa(p.Held),
		strconv.Itoa(p.Spent), strconv.Itoa(p.Suspect), p.ExpiresAt.String(), p.Address,
	}
}
