package console

import (
	"bytes"
	"net/http"
	"slices"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// An activityList is one page of the activity.
type activityList struct {
	listing
	Entries []view.ActivityEntry
}

// activityFilter returns the listing of the activity of a request, its filter and its order.
func (r *request) activityFilter() (l listing, f activity.Filter, o adminstore.Order, err error) {
	l = r.newListing("/console/activity", nil,
		filterField{Name: "actor", Label: "Who"}, filterField{Name: "action", Label: "What", Options: toOptions(activity.Actions())},
		filterField{Name: "subject", Label: "Key, task, plan or order"},
		filterField{Name: "since", Label: "Since", Hint: "2026-11-29"}, filterField{Name: "until", Label: "Until", Hint: "2026-11-30"},
		filterField{Name: "sort", Label: "Order", Options: []option{{"", "newest first"}, {string(adminstore.Oldest), "oldest first"}}})
	f = activity.Filter{Actor: l.value("actor"), Action: activity.Action(l.value("action")), Subject: l.value("subject")}
	o = adminstore.Newest
	if l.value("sort") == string(adminstore.Oldest) {
		o = adminstore.Oldest
	}
	if f.Action != "" && !slices.Contains(activity.Actions(), f.Action) {
		return l, f, o, badFilter("There is no action with that name.")
	}
	if f.Since, err = parseFilterTime("Since", l.value("since"), csvfile.ParseTime); err == nil {
		f.Until, err = parseFilterTime("Until", l.value("until"), csvfile.ParseEnd)
	}
	return l, f, o, err
}

// readActivity reads a page of the activity.
func (r *request) readActivity(f activity.Filter, p adminstore.Page) (activity.List, error) {
	if r.Activity == nil {
		return activity.List{}, nil
	}
	return r.Activity.Activity(r.req.Context(), f, p)
}

// listActivity lists the entries that the query selects.
func (r *request) listActivity() error {
	frame, f, order, err := r.activityFilter()
	if err != nil {
		return err
	}
	p := r.page(order)
	list, err := r.readActivity(f, p)
	if err != nil {
		return err
	}
	l := activityList{listing: frame}
	for _, e := range list.Entries {
		l.Entries = append(l.Entries, view.NewActivityEntry(e))
	}
	next, previous := list.Neighbors(p, f.Position)
	if err := l.setLinks(r, next, previous); err != nil {
		return err
	}
	return r.render(http.StatusOK, page{"activity", "Activity", "activity", l})
}

// exportActivity sends the entries that the query selects as a file.
func (r *request) exportActivity() error {
	_, f, order, err := r.activityFilter()
	if err != nil {
		return err
	}
	read := func(p adminstore.Page) (activity.List, error) { return r.readActivity(f, p) }
	all, err := collect(adminstore.Each(adminstore.Page{Order: order, Limit: exportPage}, read))
	if err != nil {
		return err
	}
	rows := make([]view.ActivityEntry, len(all))
	for i, e := range all {
		rows[i] = view.NewActivityEntry(e)
	}
	return r.sendExport("activity", rows, func(b *bytes.Buffer) error { return csvfile.WriteActivity(b, seq.All(all)) })
}
