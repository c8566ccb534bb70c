package admin

import (
	"context"
	"log/slog"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/shown"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// showKey tells a key's state, its latest task, its story and its whole history.
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
	return found(shown.NewKeyDetail(v, history))
}

// code is the one in the path. What cannot be a code is no key's.
func (c *call) code() (keys.Code, error) {
	code, err := keys.ParseTyped(c.variable)
	if err != nil {
		return "", tasks.ErrNoKey
	}
	c.about = []slog.Attr{slog.String("key", daemon.Fingerprint(code))}
	return code, nil
}

func (c *call) revokeKey() (answer, error)  { return c.steerKey(tasks.Revoke) }
func (c *call) restoreKey() (answer, error) { return c.steerKey(tasks.Restore) }
func (c *call) resetKey() (answer, error)   { return c.steerKey(tasks.Reset) }

// steerKey makes a change of a key and shows what it has become.
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
	return found(shown.NewKey(v))
}
