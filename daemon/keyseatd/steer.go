package main

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// patience is the time limit of a change. Until then a command retries while the database is unavailable.
const patience = 30 * time.Second

// A decision returns an operator's change with the given id, based on the snapshot v.
type decision func(v tasks.Snapshot, id string) (tasks.Change, error)

// A look reads the snapshot for a decision.
type look func(context.Context) (tasks.Snapshot, error)

// steerKey changes the key with a code as people type it.
func steerKey(ctx context.Context, s *bunstore.Store, typed string, decide decision) error {
	code, err := keys.ParseTyped(typed)
	if err != nil {
		return err
	}
	return steer(ctx, s, func(ctx context.Context) (tasks.Snapshot, error) { return engine(s).Snapshot(ctx, code) }, decide)
}

// steerTask changes the task with the given id.
func steerTask(ctx context.Context, s *bunstore.Store, id string, decide decision) error {
	return steer(ctx, s, func(ctx context.Context) (tasks.Snapshot, error) { return s.Task(ctx, id) }, decide)
}

func steer(ctx context.Context, s *bunstore.Store, read look, decide decision) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return engine(s).Update(ctx, read, decide)
}

// engine returns an engine for admin actions. It cannot accept requests or carry out tasks, because it has
// no connector, sealer or rules.
func engine(s tasks.Store) tasks.Engine { return daemon.NewEngine(s, nil, nil, tasks.Rules{}) }
