package main

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// patience is how long a change is tried while the database is away.
const patience = 30 * time.Second

// A decision makes an operator's change, with that id, of what it sees.
type decision func(v tasks.Snapshot, id string) (tasks.Change, error)

// A look reads what is to be decided on.
type look func(context.Context) (tasks.Snapshot, error)

// steerKey changes the key with a code that was typed.
func steerKey(ctx context.Context, s *bunstore.Store, typed string, decide decision) error {
	code, err := keys.ParseTyped(typed)
	if err != nil {
		return err
	}
	return steer(ctx, s, func(ctx context.Context) (tasks.Snapshot, error) { return engine(s).Snapshot(ctx, code) }, decide)
}

// steerTask changes the task with that id.
func steerTask(ctx context.Context, s *bunstore.Store, id string, decide decision) error {
	return steer(ctx, s, func(ctx context.Context) (tasks.Snapshot, error) { return s.Task(ctx, id) }, decide)
}

func steer(ctx context.Context, s *bunstore.Store, read look, decide decision) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return engine(s).Update(ctx, read, decide)
}

// engine is as much of a desk as an operator needs: it accepts no request and does no work.
func engine(s tasks.Store) tasks.Engine { return daemon.NewEngine(s, nil, nil, tasks.Rules{}) }
