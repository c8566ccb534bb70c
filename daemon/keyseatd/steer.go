package main

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// updateTimeout is the time limit of a change. Until then a command retries while the database is unavailable.
const updateTimeout = 30 * time.Second

// A adminAction returns an operator's change with the given id, based on the snapshot v.
type adminAction func(v tasks.Snapshot, id string) (tasks.Change, error)

// A look reads the snapshot for a decision.
type look func(context.Context) (tasks.Snapshot, error)

// updateKey changes the key with a code as people type it.
func updateKey(ctx context.Context, s *bunstore.Store, typed string, decide adminAction) error {
	code, err := keys.ParseTyped(typed)
	if err != nil {
		return err
	}
	return update(ctx, s, func(ctx context.Context) (tasks.Snapshot, error) { return operatorEngine(s).Snapshot(ctx, code) }, decide)
}

// updateTask changes the task with the given id.
func updateTask(ctx context.Context, s *bunstore.Store, id string, decide adminAction) error {
	return update(ctx, s, func(ctx context.Context) (tasks.Snapshot, error) { return s.Task(ctx, id) }, decide)
}

func update(ctx context.Context, s *bunstore.Store, read look, decide adminAction) error {
	ctx, cancel := context.WithTimeout(ctx, updateTimeout)
	defer cancel()
	return operatorEngine(s).Update(ctx, read, decide)
}

// operatorEngine returns an engine for admin actions. It cannot accept requests or carry out tasks, because it has
// no connector, sealer or rules.
func operatorEngine(s tasks.Store) tasks.Engine { return daemon.NewEngine(s, nil, nil, tasks.Rules{}) }
