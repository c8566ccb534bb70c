package admin

import (
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

const searchLimit = 20 // the maximum number of results of each kind

// search finds keys, tasks and plans by a text. Only a client that may list whole codes finds keys by the beginning
// of the code.
func (c *call) search() (response, error) {
	q := c.parseQuery("q")
	s := adminstore.ParseSearch(q.values.Get("q"), c.token.Role.Allows(Export), searchLimit)
	if s.Text == "" {
		q.fail("q must be the text to search")
	}
	if q.err != nil {
		return response{}, q.err
	}
	found, err := c.AdminStore.Search(c.r.Context(), s)
	if err != nil {
		return response{}, err
	}
	c.discloseList(len(found.Codes) + len(found.Orders) + len(found.Usernames) + len(found.Tasks))
	result, now := view.Found{
		Keys: c.shownKeys(found.Codes), Orders: c.shownKeys(found.Orders), Usernames: c.shownKeys(found.Usernames),
		Tasks: c.shownTasks(found.Tasks), Plans: []view.Plan{},
	}, time.Now()
	for _, p := range found.Plans {
		result.Plans = append(result.Plans, view.NewPlan(p, now))
	}
	return okResponse(result, nil)
}

type activityPage struct {
	Activity []view.ActivityEntry `json:"activity"`
	neighbors
}

func (c *call) listActivity() (response, error) {
	q := c.parseQuery(append(pageParams, "actor", "action", "subject", "since", "until")...)
	p := c.page(q)
	f := activity.Filter{
		Actor: q.values.Get("actor"), Action: activity.Action(q.values.Get("action")), Subject: q.values.Get("subject"),
		Since: parsed(q, "since", csvfile.ParseTime), Until: parsed(q, "until", csvfile.ParseEnd),
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
	page.neighbors, err = c.neighbors(list.Neighbors(p, f.Position))
	return okResponse(page, err)
}
