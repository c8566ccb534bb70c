package main

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// patience is how long a change is tried while the database is away.
const patience = 30 * time.Second

// steer makes one of an operator's changes.
func steer(ctx context.Context, s tasks.Store, read func(context.Context) (tasks.View, error), decide func(tasks.View, string) (tasks.Change, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return desk(s).Steer(ctx, read, decide)
}

// steerKey makes a change of the key with a code that was typed.
func steerKey(ctx context.Context, s tasks.Store, typed string, decide func(tasks.View, string) (tasks.Change, error)) error {
	code, err := keys.ParseTyped(typed)
	if err != nil {
		return err
	}
	read := func(ctx context.Context) (tasks.View, error) { return desk(s).View(ctx, code) }
	return steer(ctx, s, read, decide)
}

// desk is as much of a desk as an operator needs: it accepts no request and does no work.
func desk(s tasks.Store) tasks.Desk { return daemon.NewDesk(s, nil, nil, tasks.Rules{}) }
