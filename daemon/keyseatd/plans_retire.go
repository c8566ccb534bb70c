package main

import (
	"context"
	"errors"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// plansRetire is the command keyseatd plans retire.
type plansRetire struct {
	databaseFlag
	ID string `arg:"" help:"The plan's id."`
}

// Help explains the effect and shows an example.
func (*plansRetire) Help() string {
	return examples("Open tasks keep their slots. A plan that is imported again is back in stock.",
		"keyseatd plans retire plan-1")
}

// Run retires the plan. Importing the plan again puts it back in stock.
func (p *plansRetire) Run(ctx context.Context, c stdio) error {
	err := p.open(ctx, func(s *bunstore.Store) error {
		return s.EditPlans(ctx, []stock.PlanEdit{{ID: p.ID, Retire: true}})
	})
	var row adminstore.RowError
	if errors.As(err, &row) { // the row number is omitted, because there is only one row
		return row.Err
	}
	if err != nil {
		return err
	}
	return c.done("the plan is retired", hintPlans+", `keyseatd plans import` puts it back in stock")
}
