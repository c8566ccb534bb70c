package admin

import (
	"context"

	"github.com/keyseat/keyseat/tasks"
)

// A decision makes an operator's change, with that id, of what it sees.
type decision func(v tasks.Snapshot, id string) (tasks.Change, error)

// nothing holds that the request brings no body, or an empty object.
func (c *call) nothing() error {
	_, err := decode[struct{}](c)
	return err
}

// steer makes a change and gives what was seen as it is after it. It is not read again, because a
// read that fails would hide that the change was made.
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

// sign makes lines of history say who has brought them about.
func (c *call) sign(lines []tasks.Event) {
	for i := range lines {
		if lines[i].Note == "" {
			lines[i].Note = c.signed("")
		}
	}
}

// signed is a note with the name of the token.
func (c *call) signed(note string) string {
	if note == "" {
		return "by " + c.token.Name
	}
	return note + " (by " + c.token.Name + ")"
}
