package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/auditlog"
	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
)

// actor returns the name of the person at the command line, for the history and the audit log.
func actor() string {
	name := fmt.Sprintf("uid %d", os.Getuid())
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return name + "@" + hostname() + " (CLI)"
}

// actorNote returns the note with the actor for an event.
func actorNote() string { return "by " + actor() }

// hostname returns the name of this machine.
func hostname() string {
	host, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return host
}

// attributed returns the action with the actor in each event that has no note.
func attributed(action adminAction) adminAction {
	return func(v tasks.Snapshot, id string) (tasks.Change, error) {
		change, err := action(v, id)
		for i := range change.Events {
			if change.Events[i].Note == "" {
				change.Events[i].Note = actorNote()
			}
		}
		return change, err
	}
}

// audit writes a line of the audit log to standard error, unless n is 0. It is about n codes that a command has printed or
// written to a file, or about n changes without an actor in a history. audit then stores the entry, which has the attributes
// more too, unless s is nil.
func (c stdio) audit(ctx context.Context, s activity.Store, action string, n int, more ...slog.Attr) {
	if n > 0 {
		log := c.auditLog(s)
		log.Lines = log.Errors
		log.Write(ctx, slog.LevelInfo, "command", auditAttrs(action, n), more...)
	}
}

// auditOutput is audit for a command that only reads. It logs no error about the entry, because the command may run on a
// standby, or as a role that cannot write.
func (c stdio) auditOutput(ctx context.Context, s activity.Store, action string, n int) {
	if n > 0 {
		log := c.auditLog(s)
		log.Lines, log.Errors = log.Errors, nil
		log.Write(ctx, slog.LevelInfo, "command", auditAttrs(action, n))
	}
}

// auditAttrs returns the attributes of a line of a command.
func auditAttrs(action string, n int) []slog.Attr {
	return []slog.Attr{slog.String("action", action), slog.String("actor", actor()), slog.Int("count", n)}
}

// record stores an entry of the audit log. There is no line, because the history of the key names the actor.
func (c stdio) record(ctx context.Context, s activity.Store, action string, attrs ...slog.Attr) {
	c.auditLog(s).Write(ctx, slog.LevelInfo, "", append(attrs, slog.String("action", action), slog.String("actor", actor())))
}

// auditLog returns the audit log of a command, without lines.
func (c stdio) auditLog(s activity.Store) auditlog.Log {
	log := logFlags{LogLevel: "info", LogFormat: "console"}.logger(c.err)
	return auditlog.Log{Entries: s, Errors: log, Limiter: new(loglimit.Limiter)}
}

// updateTimeout is the time limit of an admin action. Until then a command retries while the database is
// unavailable.
const updateTimeout = 30 * time.Second

// An adminAction returns an operator's change with the given id, based on the snapshot v.
type adminAction func(v tasks.Snapshot, id string) (tasks.Change, error)

// updateKey applies an admin action to the key with a code as people type it. Then it prints the stored change, as
// [stdio.done] does.
func (d databaseFlag) updateKey(ctx context.Context, c stdio, typed, name string, action adminAction, stored, remedy string) error {
	code, err := keys.ParseTyped(typed)
	if err != nil {
		return err
	}
	read := func(ctx context.Context, s *bunstore.Store) (tasks.Snapshot, error) {
		return operatorEngine(s).Snapshot(ctx, code)
	}
	return withFindHint(d.update(ctx, c, read, name, action, stored, remedy))
}

// withFindHint adds a hint to the error of a command that needs a code. If no key has the code, the operator may have
// given an order, so the hint names the command find.
func withFindHint(err error) error {
	if errors.Is(err, tasks.ErrNoKey) {
		return fmt.Errorf("%w: `keyseatd find` finds one by its order, username or task", err)
	}
	return err
}

// updateTask applies an admin action to the task with the given id. Then it prints the stored change.
func (d databaseFlag) updateTask(ctx context.Context, c stdio, id, name string, action adminAction, stored, remedy string) error {
	read := func(ctx context.Context, s *bunstore.Store) (tasks.Snapshot, error) { return s.Task(ctx, id) }
	return d.update(ctx, c, read, name, action, stored, remedy)
}

func (d databaseFlag) update(ctx context.Context, c stdio, read func(context.Context, *bunstore.Store) (tasks.Snapshot, error), name string, action adminAction, stored, remedy string) error {
	err := d.open(ctx, func(s *bunstore.Store) error {
		ctx, cancel := context.WithTimeout(ctx, updateTimeout)
		defer cancel()
		var done tasks.Change
		decide := func(v tasks.Snapshot, id string) (_ tasks.Change, err error) {
			done, err = attributed(action)(v, id)
			return done, err
		}
		err := operatorEngine(s).Update(ctx, func(ctx context.Context) (tasks.Snapshot, error) { return read(ctx, s) }, decide)
		if err == nil {
			c.record(ctx, s, name, subjects(ctx, s, done)...)
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.done(stored, remedy)
}

// subjects returns the attributes of the key and the task of a change.
func subjects(ctx context.Context, s *bunstore.Store, change tasks.Change) (attrs []slog.Attr) {
	if k, err := s.FingerprintKey(ctx, daemon.NewFingerprintKey()); err == nil { // without it, the entry lacks the key
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
