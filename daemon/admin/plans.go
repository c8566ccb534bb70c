package admin

import (
	"strconv"
	"time"

	"github.com/keyseat/keyseat/daemon/view"
)

// A planPage is a page of plans. Next is the parameter after of the next page, or nil on the last
// page.
type planPage struct {
	Plans []view.Plan `json:"plans"`
	Next  *string     `json:"next"`
}

func (c *call) listPlans() (answer, error) {
	q := c.query("after", "limit")
	limit, after := q.limit(), int64(0)
	if text := q.values.Get("after"); text != "" {
		var err error
		if after, err = strconv.ParseInt(text, 10, 64); err != nil || after < 0 {
			q.fail("after must be the next of the page before")
		}
	}
	if q.err != nil {
		return answer{}, q.err
	}
	plans, err := c.AdminStore.Plans(c.r.Context(), after, limit)
	if err != nil {
		return answer{}, err
	}
	page, now := planPage{Plans: []view.Plan{}}, time.Now()
	for _, p := range plans {
		page.Plans = append(page.Plans, view.NewPlan(p, now))
	}
	if len(plans) == limit {
		page.Next = new(strconv.FormatInt(plans[limit-1].Seq, 10))
	}
	return found(page)
}
