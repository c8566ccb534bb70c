package main

import (
	"context"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/tasks"
)

// tasksResolve is the command keyseatd tasks resolve.
type tasksResolve struct {
	databaseFlag
	ID      string `arg:"" help:"The task's id."`
	Outcome string `help:"How it did end at the provider: ${enum}. Success spends the slot, any other frees it." required:"" enum:"${outcomes}" placeholder:"OUTCOME"`
}

// Help explains suspect slots and shows examples.
func (*tasksResolve) Help() string {
	return examples("A slot is suspect where the provider may have acted on an upgrade and nobody has seen it: look there first.",
		"keyseatd tasks list --state suspect",
		"keyseatd tasks resolve K7QZ3M2XW5R6T4B3NHJ5VCEDYA --outcome success",
		"keyseatd tasks resolve K7QZ3M2XW5R6T4B3NHJ5VCEDYA --outcome system_error")
}

// Run resolves the suspect slot of the task. It also updates the key, if the task is the key's latest.
func (t *tasksResolve) Run(ctx context.Context, c stdio) error {
	decide := func(v tasks.Snapshot, id string) (tasks.Change, error) {
		return tasks.Resolve(v, tasks.Outcome(t.Outcome), id)
	}
	err := t.open(ctx, func(s *bunstore.Store) error { return updateTask(ctx, s, t.ID, decide) })
	if err != nil {
		return err
	}
	return c.done("the task is resolved as "+t.Outcome, hintTask)
}
