package main

import (
	"context"
	"fmt"
	"os"
	"os/user"

	"github.com/keyseat/keyseat/tasks"
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

// audit writes a line of the audit log to standard error. The line is about n codes that a command has printed or written to
// a file, or about n changes that leave no actor in a history. There is no line if n is 0.
func (c stdio) audit(ctx context.Context, action string, n int) {
	if n > 0 {
		log := logFlags{LogLevel: "info", LogFormat: "console"}.logger(c.err)
		log.InfoContext(ctx, "command", "action", action, "actor", actor(), "count", n)
	}
}
