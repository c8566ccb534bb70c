package admin

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// showKey returns a key's state, its latest task, its explanation and its whole history.
func (c *call) showKey() (response, error) {
	code, err := c.code()
	if err != nil {
		return response{}, err
	}
	v, err := c.Engine.Snapshot(c.r.Context(), code)
	if err == nil && !v.Key.Exists() {
		err = tasks.ErrNoKey
	}
	if err != nil {
		return response{}, err
	}
	history, err := c.AdminStore.History(c.r.Context(), code)
	whole := c.token.Role.ShowsCode()
	detail := view.NewKeyDetail(v, history)
	if !whole {
		detail = view.NewMaskedKeyDetail(v, history)
	}
	detail.Key = c.shownKey(view.NewKey(v), whole)
	return okResponse(detail, err)
}

// shownKey returns a key with its fingerprint, and with a masked code unless the client may see the whole one.
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

// fingerprint returns the fingerprint of a code, for the log and for responses.
func (c *call) fingerprint(code keys.Code) string { return code.Fingerprint() }

// code returns the key's code from the path. Text that cannot be a code counts as a key that does
// not exist.
func (c *call) code() (keys.Code, error) {
	code, err := keys.ParseTyped(c.pathParam)
	if err != nil {
		return "", tasks.ErrNoKey
	}
	c.logAttrs = []slog.Attr{slog.String("key", c.fingerprint(code))}
	return code, nil
}

func (c *call) revokeKey() (response, error)  { return c.mutateKey(tasks.Revoke) }
func (c *call) restoreKey() (response, error) { return c.mutateKey(tasks.Restore) }
func (c *call) resetKey() (response, error)   { return c.mutateKey(tasks.Reset) }

// mutateKey applies an admin action to a key and returns the changed key.
func (c *call) mutateKey(decide mutation) (response, error) {
	code, err := c.code()
	if err == nil {
		err = c.noBody()
	}
	if err != nil {
		return response{}, err
	}
	read := func(ctx context.Context) (tasks.Snapshot, error) { return c.Engine.Snapshot(ctx, code) }
	v, err := c.mutate(read, decide)
	return okResponse(c.shownKey(view.NewKey(v), true), err)
}

// A list with a filter reads up to maxKeysRead keys, and then returns the keys that it has found. Therefore
// a request takes a bounded time even if few keys match.
const (
	keysPerRead = 1000
	maxKeysRead = 10 * keysPerRead
)

// A keyPage is a page of keys. Next is the parameter after of the next page, or nil on the last
// page.
type keyPage struct {
	Keys []view.Key `json:"keys"`
	Next *string    `json:"next"`
}

// A keyFilter selects the keys of a list, and its first key.
type keyFilter struct {
	after    keys.Code
	limit    int
	statuses []keys.Status // nil: any status
	used     *bool
	revoked  *bool
	order    *string
}

// listKeys lists keys. Only a token that may list whole codes gets them.
func (c *call) listKeys() (response, error) {
	f, err := c.keyFilter()
	if err != nil {
		return response{}, err
	}
	page, whole := keyPage{Keys: []view.Key{}}, c.token.Role.Allows(Export)
	read := func(after keys.Code, n int) ([]tasks.Snapshot, error) {
		return c.AdminStore.Keys(c.r.Context(), after, n)
	}
	n := 0
	for v, err := range seq.Pages(f.after, f.readSize(), read, func(v tasks.Snapshot) keys.Code { return v.Key.Code }) {
		if err != nil {
			return response{}, err
		}
		if f.matches(v.Key) {
			page.Keys = append(page.Keys, c.shownKey(view.NewKey(v), whole))
		}
		if n++; len(page.Keys) == f.limit || n == maxKeysRead {
			next, err := c.keyCursor(v.Key.Code)
			if err != nil {
				return response{}, err
			}
			page.Next = &next
			break
		}
	}
	if whole {
		c.disclose(len(page.Keys))
	}
	return okResponse(page, nil)
}

// keyCursor returns the cursor of the page after a key. It is a code only if the token may list whole codes.
// Otherwise a client could read each code as the cursor of a short page, or find it by trying cursors.
func (c *call) keyCursor(code keys.Code) (string, error) {
	if c.token.Role.Allows(Export) {
		return string(code), nil
	}
	return view.SealCode(c.Engine.Sealer, code)
}

// parseKeyCursor returns the code of a cursor that [call.keyCursor] made.
func (c *call) parseKeyCursor(text string) (keys.Code, error) {
	if c.token.Role.Allows(Export) {
		return keys.Parse(text)
	}
	return view.OpenCode(c.Engine.Sealer, text)
}

func (c *call) keyFilter() (f keyFilter, err error) {
	q := c.parseQuery("after", "limit", "status", "used", "revoked", "order_id")
	f.limit, f.used, f.revoked = q.limit(), q.boolean("used"), q.boolean("revoked")
	if after := q.values.Get("after"); after != "" {
		if f.after, err = c.parseKeyCursor(after); err != nil {
			q.fail("after must be the next of the page before")
		}
	}
	if q.values.Has("order_id") {
		f.order = new(q.values.Get("order_id"))
	}
	if q.values.Has("status") {
		for s := range strings.SplitSeq(q.values.Get("status"), ",") {
			f.statuses = append(f.statuses, keys.Status(s))
			if !slices.Contains(keys.Statuses(), keys.Status(s)) {
				q.fail("status must be statuses of keys, with commas between them")
			}
		}
	}
	return f, q.err
}

// readSize returns how many keys to read at a time. Without a filter that is limit, because every key
// matches.
func (f keyFilter) readSize() int {
	if f.statuses == nil && f.used == nil && f.revoked == nil && f.order == nil {
		return f.limit
	}
	return keysPerRead
}

func (f keyFilter) matches(k keys.Key) bool {
	return (f.statuses == nil || slices.Contains(f.statuses, k.Status)) &&
		(f.used == nil || *f.used == k.Used) &&
		(f.revoked == nil || *f.revoked == k.Revoked) &&
		(f.order == nil || *f.order == k.OrderID)
}
