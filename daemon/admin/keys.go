package admin

import (
	"context"
	"log/slog"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// showKey returns a key's state, its latest task, its explanation and its whole history.
func (c *call) showKey() (answer, error) {
	code, err := c.code()
	if err != nil {
		return answer{}, err
	}
	v, err := c.Engine.Snapshot(c.r.Context(), code)
	if err != nil {
		return answer{}, err
	}
	if !v.Key.Exists() {
		return answer{}, tasks.ErrNoKey
	}
	history, err := c.AdminStore.History(c.r.Context(), code)
	if err != nil {
		return answer{}, err
	}
	return found(view.NewKeyDetail(v, history))
}

// code returns the key's code from the path. Text that cannot be a code counts as a key that does
// not exist.
func (c *call) code() (keys.Code, error) {
	code, err := keys.ParseTyped(c.variable)
	if err != nil {
		return "", tasks.ErrNoKey
	}
	c.about = []slog.Attr{slog.String("key", code.Fingerprint())}
	return code, nil
}

func (c *call) revokeKey() (answer, error)  { return c.steerKey(tasks.Revoke) }
func (c *call) restoreKey() (answer, error) { return c.steerKey(tasks.Restore) }
func (c *call) resetKey() (answer, error)   { return c.steerKey(tasks.Reset) }

// steerKey applies an admin action to a key and returns the changed key.
func (c *call) steerKey(decide decision) (answer, error) {
	code, err := c.code()
	if err != nil {
		return answer{}, err
	}
	if err := c.nothing(); err != nil {
		return answer{}, err
	}
	read := func(ctx context.Context) (tasks.Snapshot, error) { return c.Engine.Snapshot(ctx, code) }
	v, err := c.steer(read, decide)
	if err != nil {
		return answer{}, err
	}
	return found(view.NewKey(v))
}
