package main

import (
	"context"
	"fmt"

	"github.com/keyseat/keyseat/tasks"
)

// tasksRetry is keyseatd tasks retry.
type tasksRetry struct {
	databaseFlag
	ID string `arg:"" help:"The task's id."`
}

// Run makes the task due now.
func (t *tasksRetry) Run(ctx context.Context, c console) error {
	s, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	read := func(ctx context.Context) (tasks.View, error) { return s.Task(ctx, t.ID) }
	if err := steer(ctx, s, read, tasks.Hurry); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, "the task is due now")
	return err
}
