package admin

import (
	"log/slog"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// disclose records that the response contains n whole codes that the client did not send.
func (c *call) disclose(n int) {
	c.disclosed = n
	c.logAttrs = append(c.logAttrs, slog.Int("count", n))
}

// discloseList records that the response lists n whole codes. It records nothing for a client that gets masked codes.
func (c *call) discloseList(n int) {
	if c.token.Role.Allows(Export) {
		c.disclose(n)
	}
}

// fingerprint returns the fingerprint of a code, for the log and for responses.
func (c *call) fingerprint(code keys.Code) string { return c.Engine.Fingerprints.Fingerprint(code) }

// shownKey returns a key with its fingerprint. The code is masked unless whole is true.
func (c *call) shownKey(k view.Key, whole bool) view.Key {
	k.Fingerprint = c.fingerprint(k.Code)
	if k.Task != nil {
		k.Task = new(c.shownTask(*k.Task, true))
	}
	if !whole {
		return k.Masked()
	}
	return k
}

// shownKeys returns the keys of a list. The codes are masked unless the client may list whole codes.
func (c *call) shownKeys(all []tasks.Snapshot) []view.Key {
	shown, whole := []view.Key{}, c.token.Role.Allows(Export)
	for _, v := range all {
		shown = append(shown, c.shownKey(view.NewKey(v), whole))
	}
	return shown
}

// shownTask returns a task with the fingerprint of its key. The code is masked unless whole is true.
func (c *call) shownTask(t view.Task, whole bool) view.Task {
	t.Fingerprint = c.fingerprint(t.Code)
	if !whole {
		return t.Masked()
	}
	return t
}

// shownTasks returns the tasks of a list. The codes are masked unless the client may list whole codes.
func (c *call) shownTasks(all []tasks.Snapshot) []view.Task {
	shown, whole := []view.Task{}, c.token.Role.Allows(Export)
	for _, v := range all {
		shown = append(shown, c.shownTask(view.NewTask(*v.Task), whole))
	}
	return shown
}
