package admin

import (
	"slices"
	"strings"

	"github.com/keyseat/keyseat/daemon/shown"
	"github.com/keyseat/keyseat/keys"
)

// A list that filters looks at so many keys at a time, and so often, before it answers with what it
// has found by then: however few pass, a request takes a bounded time.
const (
	round  = 1000
	rounds = 10
)

// A keyPage is a page of keys. Next is where to go on, nil where there is nothing more.
type keyPage struct {
	Keys []shown.Key `json:"keys"`
	Next *keys.Code  `json:"next"`
}

// A keyFilter says which keys to list, and from where on.
type keyFilter struct {
	after    keys.Code
	limit    int
	statuses []keys.Status // none: any
	used     *bool
	revoked  *bool
	order    *string
}

func (c *call) listKeys() (answer, error) {
	f, err := c.keyFilter()
	if err != nil {
		return answer{}, err
	}
	page := keyPage{Keys: []shown.Key{}}
	for range rounds {
		n := f.round()
		views, err := c.AdminStore.Keys(c.r.Context(), f.after, n)
		if err != nil {
			return answer{}, err
		}
		for _, v := range views {
			f.after = v.Key.Code
			if f.passes(v.Key) {
				page.Keys = append(page.Keys, shown.NewKey(v))
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

// round is how many keys to look at: no more than are wanted if all of them pass.
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
