package admin

import (
	"context"

	"github.com/keyseat/keyseat/tasks"
)

// A decision returns the change of an admin action on a snapshot. id is the id of the change.
type decision func(v tasks.Snapshot, id string) (tasks.Change, error)

// nothing checks that the request has no body, or an empty object.
func (c *call) nothing() error {
	_, err := decode[struct{}](c)
	return err
}

// steer applies an admin action and returns the snapshot after it. It does not read the snapshot
// again, because a failed read would hide that the change was made.
func (c *call) steer(read func(context.Context) (tasks.Snapshot, error), decide decision) (after tasks.Snapshot, err error) {
	err = c.Engine.Update(c.r.Context(), read, func(v tasks.Snapshot, id string) (tasks.Change, error) {
		change, err := decide(v, id)
		c.sign(change.Events)
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

// sign adds the name of the token to history entries without a note.
func (c *call) sign(lines []tasks.Event) {
	for i := range lines {
		if lines[i].Note == "" {
			lines[i].Note = c.signed("")
		}
	}
}

// signed returns a note with the name of the token.
func (c *call) signed(note string) string {
	if note == "" {
		return "by " + c.token.Name
	}
	return note + " (by " + c.token.Name + ")"
}
