package main

import (
	"context"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/tasks"
)

// plansRelease is the command keyseatd plans release.
type plansRelease struct {
	databaseFlag
	Task string `arg:"" help:"The id of the task that has spent the slot."`
}

// Help explains when to use the command and shows an example.
func (*plansRelease) Help() string {
	return examples("A slot that an upgrade has spent stays spent until the member has left the plan, which only the "+
		"provider knows: look there first. The key stays as it is. `keyseatd keys show` tells the task.",
		"keyseatd plans release K7QZ3M2XW5R6T4B3NHJ5VCEDYA")
}

// Run releases the slot.
func (p *plansRelease) Run(ctx context.Context, c stdio) error {
	err := p.open(ctx, func(s *bunstore.Store) error { return updateTask(ctx, s, p.Task, tasks.Release) })
	if err != nil {
		return err
	}
	return c.done("the slot is free again", hintPlans)
}
