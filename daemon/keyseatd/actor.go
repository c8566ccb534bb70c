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

// audit writes a line of the audit log to standard error, if the output contains codes: n is their number.
func (c stdio) audit(ctx context.Context, action string, n int) {
	if n > 0 {
		log := logFlags{LogLevel: "info", LogFormat: "console"}.logger(c.err)
		log.InfoContext(ctx, "command", "action", action, "actor", actor(), "count", n)
	}
}
