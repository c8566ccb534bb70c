package admin

import (
	"slices"
	"strings"

	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
)

// A list with a filter reads up to rounds times round keys, and then answers with the keys that it
// has found. So a request takes a bounded time even if few keys match.
const (
	round  = 1000
	rounds = 10
)

// A keyPage is a page of keys. Next is the parameter after of the next page, or nil on the last
// page.
type keyPage struct {
	Keys []view.Key `json:"keys"`
	Next *keys.Code `json:"next"`
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

func (c *call) listKeys() (answer, error) {
	f, err := c.keyFilter()
	if err != nil {
		return answer{}, err
	}
	page := keyPage{Keys: []view.Key{}}
	for range rounds {
		n := f.round()
		views, err := c.AdminStore.Keys(c.r.Context(), f.after, n)
		if err != nil {
			return answer{}, err
		}
		for _, v := range views {
			f.after = v.Key.Code
			if f.passes(v.Key) {
				page.Keys = append(page.Keys, view.NewKey(v))
			}
			if len(page.Keys) == f.limit {
				page.Next = &f.after
				return found(page)
			}
		}
		if len(views) < n {
			return found(page)
		}
	}
	page.Next = &f.after
	return found(page)
}

func (c *call) keyFilter() (f keyFilter, err error) {
	q := c.query("after", "limit", "status", "used", "revoked", "order_id")
	f.limit, f.used, f.revoked = q.limit(), q.flag("used"), q.flag("revoked")
	if after := q.values.Get("after"); after != "" {
		if f.after, err = keys.Parse(after); err != nil {
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

// round returns how many keys to read at a time. Without a filter that is limit, because every key
// matches.
func (f keyFilter) round() int {
	if f.statuses == nil && f.used == nil && f.revoked == nil && f.order == nil {
		return f.limit
	}
	return round
}

func (f keyFilter) passes(k keys.Key) bool {
	return (f.statuses == nil || slices.Contains(f.statuses, k.Status)) &&
		(f.used == nil || *f.used == k.Used) &&
		(f.revoked == nil || *f.revoked == k.Revoked) &&
		(f.order == nil || *f.order == k.OrderID)
}
