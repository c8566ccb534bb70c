package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// RunActivity tests whether the stores that open makes keep the contract of [activity.Store]. Each store is empty.
func RunActivity(t *testing.T, open func(t testing.TB) activity.Store) {
	for name, run := range map[string]func(a activities){
		"an entry is stored whole and once": recordActivity, "pages, filters and orders": listActivity,
		"old entries are deleted": deleteActivity,
	} {
		t.Run(name, func(t *testing.T) { run(activities{newFixture(t, nil), open(t)}) })
	}
}

// activities is a store under test.
type activities struct {
	fixture
	activity.Store
}

func (a activities) record(all ...activity.Entry) {
	a.Helper()
	for _, e := range all {
		a.must(a.RecordActivity(a.ctx, e))
	}
}

// ids returns the ids of the entries that match a filter, the oldest first.
func (a activities) ids(f activity.Filter, o adminstore.Order) (all []string) {
	a.Helper()
	read := func(p adminstore.Page) (activity.List, error) { return a.Activity(a.ctx, f, p) }
	for e, err := range adminstore.Each(adminstore.Page{Order: o, Limit: 2}, read) {
		a.must(err)
		all = append(all, e.ID)
	}
	return all
}

func recordActivity(a activities) {
	want := activity.Entry{
		ID: "e", Actor: "ann@host (CLI)", Address: "2001:db8::1", Action: activity.RetryTask, Key: "a7f5af2290c021d2", Task: "T",
		Plan: "p", OrderID: "Order ü", Count: 7, Error: "the task has ended",
	}
	start := time.Now().Add(-time.Minute)
	a.record(want, activity.Entry{ID: "e", Actor: "bob"}) // the second one is ignored
	l, err := a.Activity(a.ctx, activity.Filter{}, adminstore.Page{Limit: 9})
	a.must(err)
	a.want("the number of entries", len(l.Entries), 1)
	at := l.Entries[0].At
	a.want("the time", at.After(start) && at.Before(start.Add(time.Hour)) && at.Location() == time.UTC, true)
	want.At = at
	a.want("the entry", l.Entries[0], want)
}

// activityFilters are filters, and for each the ids of the entries of listActivity.
var activityFilters = []struct {
	filter activity.Filter
	want   []string
}{
	{activity.Filter{}, []string{"e", "d", "c", "b", "a"}},
	{activity.Filter{Actor: "ann"}, []string{"e", "c", "a"}},
	{activity.Filter{Action: activity.RevokeKey}, []string{"e", "d", "a"}},
	{activity.Filter{Actor: "ann", Action: activity.RevokeKey}, []string{"e", "a"}},
	{activity.Filter{Subject: "k"}, []string{"e", "c"}},
	{activity.Filter{Subject: "k", Action: activity.RetryTask}, []string{"c"}},
	{activity.Filter{Subject: "t"}, []string{"c"}},
	{activity.Filter{Subject: "p"}, []string{"b"}},
	{activity.Filter{Subject: "o"}, []string{"a"}},
	{activity.Filter{Subject: "o", Actor: "bob"}, nil},
	{activity.Filter{Actor: "none"}, nil},
	{activity.Filter{Actor: "\x00"}, nil},
}

func listActivity(a activities) {
	a.record(
		activity.Entry{ID: "e", Actor: "ann", Action: activity.RevokeKey, Key: "k"},
		activity.Entry{ID: "d", Actor: "bob", Action: activity.RevokeKey},
		activity.Entry{ID: "c", Actor: "ann", Action: activity.RetryTask, Key: "k", Task: "t"},
		activity.Entry{ID: "b", Actor: "bob", Action: activity.EditPlan, Plan: "p"},
		activity.Entry{ID: "a", Actor: "ann", Action: activity.RevokeKey, OrderID: "o"},
	)
	all, err := a.Activity(a.ctx, activity.Filter{}, adminstore.Page{Limit: 9})
	a.must(err)
	since, until := all.Entries[1].At, all.Entries[4].At
	for _, c := range activityFilters {
		read := func(p adminstore.Page) (activity.List, error) { return a.Activity(a.ctx, c.filter, p) }
		for _, o := range []adminstore.Order{adminstore.Oldest, adminstore.Newest} {
			pages(a.fixture, "activity", o, c.want, read, func(e activity.Entry) (string, adminstore.Position) {
				return e.ID, c.filter.Position(e)
			})
		}
		c.filter.Since, c.filter.Until = since, until
		within := slices.DeleteFunc(slices.Clone(c.want), func(id string) bool { return id == "e" || id == "a" })
		a.want("a period", a.ids(c.filter, adminstore.Oldest), within)
		slices.Reverse(within)
		a.want("a period, newest first", a.ids(c.filter, adminstore.Newest), within)
	}
}

func deleteActivity(a activities) {
	for _, id := range []string{"a", "b", "c", "d"} {
		a.record(activity.Entry{ID: id})
	}
	all, err := a.Activity(a.ctx, activity.Filter{}, adminstore.Page{Limit: 9})
	a.must(err)
	for _, c := range []struct{ deleted, left int }{{2, 2}, {1, 1}, {0, 1}} {
		n, err := a.DeleteActivity(a.ctx, all.Entries[3].At, 2)
		a.must(err)
		a.want("the numbers of entries", []int{n, len(a.ids(activity.Filter{}, ""))}, []int{c.deleted, c.left})
	}
	a.want("the last entry", a.ids(activity.Filter{}, ""), []string{"d"})
}
