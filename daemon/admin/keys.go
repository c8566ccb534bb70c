package admin

import (
	"context"
	"log/slog"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
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
func (c *call) fingerprint(code keys.Code) string { return c.Engine.Fingerprints.Fingerprint(code) }

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

// A keyPage is a page of keys. Next is the parameter "after" of the next page. Previous is the parameter "before" of the
// previous page. They are nil if there is no such page.
type keyPage struct {
	Keys     []view.Key `json:"keys"`
	Next     *string    `json:"next"`
	Previous *string    `json:"previous"`
}

// listKeys lists keys. Only a token that may list whole codes gets them.
func (c *call) listKeys() (response, error) {
	q := c.parseQuery(append(pageParams, "status", "used", "revoked", "order_id", "bought_after", "bought_before", "country", "plan")...)
	p := c.page(q)
	f := adminstore.KeyFilter{
		Statuses: oneOf(q, "status", keys.Statuses()), Used: q.boolean("used"), Revoked: q.boolean("revoked"),
		BoughtAfter: q.time("bought_after", csvfile.ParseTime), BoughtBefore: q.time("bought_before", csvfile.ParseTime),
		Country: q.country(), Plan: q.values.Get("plan"),
	}
	if q.values.Has("order_id") {
		f.OrderID = new(q.values.Get("order_id"))
	}
	if q.err != nil {
		return response{}, q.err
	}
	list, err := c.AdminStore.Keys(c.r.Context(), f, p)
	if err != nil {
		return response{}, err
	}
	c.discloseList(len(list.Entries))
	page := keyPage{Keys: c.shownKeys(list.Entries)}
	page.Next, page.Previous, err = c.cursors(list.Neighbors(p, func(v tasks.Snapshot) adminstore.Position { return f.Position(p.Order, v) }))
	return okResponse(page, err)
}

// shownKeys returns the keys of a list, with masked codes unless the client may list whole ones.
func (c *call) shownKeys(all []tasks.Snapshot) []view.Key {
	shown, whole := []view.Key{}, c.token.Role.Allows(Export)
	for _, v := range all {
		shown = append(shown, c.shownKey(view.NewKey(v), whole))
	}
	return shown
}
