package main

import (
	"context"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/tasks"
)

// tasksRetry is the command keyseatd tasks retry.
type tasksRetry struct {
	databaseFlag
	ID string `arg:"" help:"The task's id."`
}

// Help shows an example.
func (*tasksRetry) Help() string {
	return examples("", "keyseatd tasks retry K7QZ3M2XW5R6T4B3NHJ5VCEDYA")
}

// Run makes the task due now.
func (t *tasksRetry) Run(ctx context.Context, c stdio) error {
	err := t.open(ctx, func(s *bunstore.Store) error { return updateTask(ctx, s, t.ID, tasks.RetryNow) })
	if err != nil {
		return err
	}
	return c.done("the task is due now", hintTask)
}
