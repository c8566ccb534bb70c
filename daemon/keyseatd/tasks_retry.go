package main

import (
	"context"
	"fmt"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/tasks"
)

// tasksRetry is keyseatd tasks retry.
type tasksRetry struct {
	databaseFlag
	ID string `arg:"" help:"The task's id."`
}

// Run makes the task due now.
func (t *tasksRetry) Run(ctx context.Context, c console) error {
	err := t.open(ctx, func(s *bunstore.Store) error { return steerTask(ctx, s, t.ID, tasks.Hurry) })
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, "the task is due now")
	return err
}
