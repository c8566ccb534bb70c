package admin

import (
	"slices"
	"strings"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/tasks/activity"
)

// An activityPage is a page of the activity, as [keyPage] is one of keys.
type activityPage struct {
	Activity []view.ActivityEntry `json:"activity"`
	Next     *string              `json:"next"`
	Previous *string              `json:"previous"`
}

// listActivity lists the entries of the audit log.
func (c *call) listActivity() (response, error) {
	q := c.parseQuery(append(pageParams, "actor", "action", "subject", "since", "until")...)
	p := c.page(q)
	f := activity.Filter{
		Actor: q.values.Get("actor"), Action: activity.Action(q.values.Get("action")), Subject: q.values.Get("subject"),
		Since: q.time("since", csvfile.ParseTime), Until: q.time("until", csvfile.ParseEnd),
	}
	if f.Action != "" && !slices.Contains(activity.Actions(), f.Action) {
		q.fail("action must be one of these: " + strings.Join(textsOf(activity.Actions()), " "))
	}
	if p.After.At.IsZero() && !p.After.IsZero() {
		q.fail("after and before must be the next or previous of a page of the activity")
	}
	if q.err != nil {
		return response{}, q.err
	}
	page := activityPage{Activity: []view.ActivityEntry{}}
	if c.Activity == nil {
		return okResponse(page, nil)
	}
	list, err := c.Activity.Activity(c.r.Context(), f, p)
	if err != nil {
		return response{}, err
	}
	for _, e := range list.Entries {
		page.Activity = append(page.Activity, view.NewActivityEntry(e))
	}
	page.Next, page.Previous, err = c.cursors(list.Neighbors(p, f.Position))
	return okResponse(page, err)
}
