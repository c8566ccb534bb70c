package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// updateTimeout is the time limit of an admin action. Within this time, a command retries if the database is
// unavailable.
const updateTimeout = 30 * time.Second

// An update is an admin action, with its name in the audit log and the texts of [stdio.done].
type update struct {
	name           string
	action         func(v tasks.Snapshot, id string) (tasks.Change, error) // returns the change with this id
	stored, remedy string
}

// do applies the action to the key or the task that the function read returns. If an event of the change has no note,
// its note becomes the actor. Then do prints the stored change.
func (u update) do(ctx context.Context, c stdio, d databaseFlag, read func(context.Context, *bunstore.Store) (tasks.Snapshot, error)) error {
	return d.change(ctx, c, u.stored, u.remedy, func(s *bunstore.Store) error {
		ctx, cancel := context.WithTimeout(ctx, updateTimeout)
		defer cancel()
		var done tasks.Change
		decide := func(v tasks.Snapshot, id string) (_ tasks.Change, err error) {
			done, err = u.action(v, id)
			for i := range done.Events {
				done.Events[i].Note = cmp.Or(done.Events[i].Note, actorNote())
			}
			return done, err
		}
		err := operatorEngine(s).Update(ctx, func(ctx context.Context) (tasks.Snapshot, error) { return read(ctx, s) }, decide)
		if err == nil {
			c.record(ctx, s, u.name, subjects(ctx, s, done)...)
		}
		return err
	})
}

func subjects(ctx context.Context, s *bunstore.Store, change tasks.Change) (attrs []slog.Attr) {
	if k, err := s.FingerprintKey(ctx, daemon.NewFingerprintKey()); err == nil { // after an error, the entry of the audit log has no key
		attrs = append(attrs, slog.String("key", k.Fingerprint(change.Code())))
	}
	if change.Task != nil {
		attrs = append(attrs, slog.String("task", change.Task.ID))
	}
	return attrs
}

// operatorEngine returns an engine for admin actions. It cannot accept requests or carry out tasks, because it
// has no connector, sealer or rules.
func operatorEngine(s tasks.Store) tasks.Engine { return daemon.NewEngine(s, nil, nil, tasks.Rules{}) }

type keyArg struct {
	databaseFlag
	Code string `arg:"" help:"The key's code."`
}

func (k keyArg) update(ctx context.Context, c stdio, u update) error {
	code, err := keys.ParseTyped(k.Code)
	if err != nil {
		return err
	}
	return withFindHint(u.do(ctx, c, k.databaseFlag, func(ctx context.Context, s *bunstore.Store) (tasks.Snapshot, error) {
		return operatorEngine(s).Snapshot(ctx, code)
	}))
}

// withFindHint adds a hint to the error of a command that needs a code. If no key has the code, the operator may have
// given an order, so the hint names the command find.
func withFindHint(err error) error {
	if errors.Is(err, tasks.ErrNoKey) {
		return fmt.Errorf("%w: `keyseatd find` finds one by its order, username or task", err)
	}
	return err
}

type keysRevoke struct{ keyArg }

func (k *keysRevoke) Run(ctx context.Context, c stdio) error {
	return k.update(ctx, c, update{"keys revoke", tasks.Revoke, "the key is revoked", hintKey + ", `keyseatd keys restore` reverses this"})
}

type keysRestore struct{ keyArg }

func (k *keysRestore) Run(ctx context.Context, c stdio) error {
	return k.update(ctx, c, update{"keys restore", tasks.Restore, "the key is no longer revoked", hintKey + ", `keyseatd keys revoke` reverses this"})
}

type keysReset struct{ keyArg }

func (k *keysReset) Run(ctx context.Context, c stdio) error {
	return k.update(ctx, c, update{"keys reset", tasks.Reset, "the key is usable again", hintKey})
}

type taskArg struct {
	databaseFlag
	ID string `arg:"" help:"The task's id."`
}

func (d databaseFlag) updateTask(ctx context.Context, c stdio, id string, u update) error {
	return u.do(ctx, c, d, func(ctx context.Context, s *bunstore.Store) (tasks.Snapshot, error) { return s.Task(ctx, id) })
}

type tasksRetry struct{ taskArg }

func (t *tasksRetry) Run(ctx context.Context, c stdio) error {
	return t.updateTask(ctx, c, t.ID, update{"tasks retry", tasks.RetryNow, "the task is due now", hintTask})
}

type tasksResolve struct {
	taskArg
	Outcome tasks.Outcome `help:"The actual outcome at the provider: ${enum}. Success spends the slot, any other frees it." required:"" enum:"${outcomes}" placeholder:"OUTCOME"`
}

// Run resolves the suspect slot of the task. It also updates the key, if the task is the latest task of the key.
func (t *tasksResolve) Run(ctx context.Context, c stdio) error {
	resolve := func(v tasks.Snapshot, id string) (tasks.Change, error) { return tasks.Resolve(v, t.Outcome, id) }
	return t.updateTask(ctx, c, t.ID, update{"tasks resolve", resolve, "the task is resolved as " + string(t.Outcome), hintTask})
}
