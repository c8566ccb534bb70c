package main

import (
	"context"
	"fmt"

	"github.com/keyseat/keyseat/tasks"
)

// tasksResolve is keyseatd tasks resolve.
type tasksResolve struct {
	databaseFlag
	ID      string `arg:"" help:"The task's id."`
	Outcome string `help:"How it did end at the provider: ${enum}. Success spends the slot, any other frees it." required:"" enum:"${outcomes}" placeholder:"OUTCOME"`
}

// Run settles the slot, and the key with it if the task is its latest.
func (t *tasksResolve) Run(ctx context.Context, c console) error {
	s, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	read := func(ctx context.Context) (tasks.View, error) { return s.Task(ctx, t.ID) }
	decide := func(v tasks.View, id string) (tasks.Change, error) {
		return tasks.Resolve(v, tasks.Outcome(t.Outcome), id)
	}
	if err := steer(ctx, s, read, decide); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "the task is resolved as %s\n", t.Outcome)
	return err
}
