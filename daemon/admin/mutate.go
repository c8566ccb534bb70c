package admin

import (
	"context"

	"github.com/keyseat/keyseat/tasks"
)

// A mutation returns the change of an admin action on a snapshot. id is the id of the change.
type mutation func(v tasks.Snapshot, id string) (tasks.Change, error)

// mutate applies an admin action and returns the snapshot after it. It does not read the snapshot
// again, because a failed read would hide that the change was made.
func (c *call) mutate(read func(context.Context) (tasks.Snapshot, error), decide mutation) (after tasks.Snapshot, err error) {
	err = c.Engine.Update(c.r.Context(), read, func(v tasks.Snapshot, id string) (tasks.Change, error) {
		change, err := decide(v, id)
		c.attribute(change.Events)
		after = v
		if change.Key != nil {
			after.Key = *change.Key
		}
		if change.Task != nil {
			after.Task = change.Task
		}
		return change, err
	})
	return after, err
}

// attribute adds the name of the token to history entries without a note.
func (c *call) attribute(entries []tasks.Event) {
	for i := range entries {
		if entries[i].Note == "" {
			entries[i].Note = c.attributedNote("")
		}
	}
}

// attributedNote returns a note with the name of the token.
func (c *call) attributedNote(note string) string {
	if note == "" {
		return "by " + c.token.Name
	}
	return note + " (by " + c.token.Name + ")"
}
