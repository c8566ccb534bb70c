package admin

import (
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// pageParams are the parameters that select a page of keys, tasks or the activity.
var pageParams = []string{"after", "before", "limit", "sort"}

func (c *call) page(q *query) (p adminstore.Page) {
	p.Limit, p.Order = q.limit(), adminstore.Order(q.values.Get("sort"))
	if q.values.Has("sort") && !slices.Contains([]adminstore.Order{adminstore.Oldest, adminstore.Newest}, p.Order) {
		q.fail("sort must be oldest or newest")
	}
	name := "after"
	if p.Back = q.values.Has("before"); p.Back {
		name = "before"
	}
	if p.Back && q.values.Has("after") {
		q.fail("after and before exclude each other")
	}
	text := q.values.Get(name)
	if text == "" && !p.Back {
		return p
	}
	var err error
	if p.After, err = c.parseCursor(text); err != nil || p.After.IsZero() {
		q.fail(name + " must be the next or previous of another page")
	}
	return p
}

// discloseList records n entries of a list if the client may list whole codes.
func (c *call) discloseList(n int) {
	if c.token.Role.Allows(Export) {
		c.disclose(n)
	}
}

// neighbors are the cursors of the pages around a page of a list: the parameter "after" of the next page, and "before"
// of the previous one. A cursor is nil if that page does not exist.
type neighbors struct {
	Next     *string `json:"next"`
	Previous *string `json:"previous"`
}

func (c *call) neighbors(next, previous adminstore.Position) (n neighbors, err error) {
	if n.Next, err = c.cursor(next); err == nil {
		n.Previous, err = c.cursor(previous)
	}
	return n, err
}

// cursor returns a position as a text, or nil for none. The text of a client that must not see whole codes is
// sealed. Otherwise the client could read each code as the cursor of a short page, or find it by trying cursors.
func (c *call) cursor(p adminstore.Position) (*string, error) {
	if p.IsZero() {
		return nil, nil
	}
	text := p.ID
	if !p.At.IsZero() {
		text = p.At.UTC().Format(cursorTime) + p.ID
	}
	if c.token.Role.Allows(Export) {
		return &text, nil
	}
	text, err := view.SealCode(c.Engine.Sealer, keys.Code(text))
	return &text, err
}

// cursorTime is the format of the time in a cursor. The position's id follows it.
const cursorTime = "2006-01-02T15:04:05.000000Z~"

// parseCursor returns the position of a cursor. The cursor of a list by code is the code.
func (c *call) parseCursor(text string) (p adminstore.Position, err error) {
	if !c.token.Role.Allows(Export) {
		code, err := view.OpenCode(c.Engine.Sealer, text)
		if text = string(code); err != nil {
			return p, err
		}
	}
	if n := len(cursorTime); len(text) > n {
		if p.At, err = time.Parse(cursorTime, text[:n]); err == nil {
			p.ID = text[n:]
			return p, nil
		}
	}
	code, err := keys.Parse(text)
	return adminstore.Position{ID: string(code)}, err
}

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
	page.neighbors, err = c.neighbors(list.Neighbors(p, f.Position))
	return okResponse(page, err)
}
