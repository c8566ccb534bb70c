package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

var loginCases = []testCase[logins]{
	{"tests are counted in order", func(l logins) {
		l.count("[]")
		l.count("[{1 1}]", test("x", "A"))
		l.count("[{2 1}]", test("x", "A"))
		l.count("[{3 1} {1 1} {4 1}]", test("x", "B"), test("y", "C"), test("x", "D"))
	}},
	{"the logins of a key are counted", func(l logins) {
		l.count("[{1 1}]", test("x", "A"))
		l.count("[{1 2}]", test("y", "A"))
		l.count("[{2 2}]", test("x", "A"))
		l.count("[{3 1}]", test("x", "B"))
		l.count("[{1 3} {1 2}]", test("z", "A"), test("w", "B"))
	}},
	{"tests are taken back", func(l logins) {
		l.release(test("x", "A")) // this test was never counted
		l.count("[{1 1} {2 1} {3 1} {1 1}]", test("x", "A"), test("x", "B"), test("x", "C"), test("y", "D"))
		l.release(test("x", "A"), test("x", "B"))
		l.count("[{2 1}]", test("x", "E"))
		l.release(test("y", "D"), test("y", "D")) // the count does not fall below 0
		l.count("[{1 1}]", test("y", "D"))
	}},
	{"a success forgets a login", func(l logins) {
		l.count("[{1 1} {2 1}]", test("x", "A"), test("x", "B"))
		l.count("[{1 2}]", test("y", "B"))
		l.release(tasks.LoginTest{Login: "x", Code: "B", Succeeded: true}, test("y", "B"))
		l.count("[{1 2}]", test("z", "A")) // login x is still a login of key A
		l.count("[{1 2}]", test("x", "B")) // login x was removed from the logins of key B
	}},
	{"simultaneous tests are counted", func(l logins) {
		const callers, calls = 8, 10
		runParallel(callers, func(i int) {
			for n := range calls {
				code := keys.Code(fmt.Sprint(i, " ", n))
				if _, err := l.CountLogins(l.Context(), []tasks.LoginTest{test("x", code), test("y", code), test("z", code)}); err != nil {
					l.Error(err)
				}
				l.release(test("z", code), test("y", code))
			}
		})
		l.count(fmt.Sprintf("[{%d 1} {1 1} {1 1}]", callers*calls+1), test("x", "A"), test("y", "B"), test("z", "C"))
	}},
}

// logins is a login counter under test.
type logins struct {
	testing.TB
	tasks.LoginCounter
}

// count counts login tests. For each test, want has the number of tests of its login, and the number of logins of its
// key.
func (l logins) count(want string, tests ...tasks.LoginTest) {
	l.Helper()
	got, err := l.CountLogins(l.Context(), tests)
	if text := fmt.Sprint(got); err != nil || text != want {
		l.Errorf("%v: got %s, want %s, %v", tests, text, want, err)
	}
}

func (l logins) release(tests ...tasks.LoginTest) {
	l.Helper()
	if err := l.ReleaseLogins(l.Context(), tests); err != nil {
		l.Error(err)
	}
}

func test(login string, code keys.Code) tasks.LoginTest {
	return tasks.LoginTest{Login: login, Code: code}
}

var activityCases = []testCase[activities]{
	{"an entry is stored whole and once", func(a activities) {
		want := activity.Entry{
			ID: "e", Actor: "ann@host (CLI)", Address: "2001:db8::1", Action: activity.RetryTask, Key: "a7f5af2290c021d2", Task: "T",
			Plan: "p", OrderID: "Order ü", Count: 7, Error: "the task has ended",
		}
		start := time.Now().Add(-time.Minute)
		a.record(want, activity.Entry{ID: "e", Actor: "bob"}) // the second entry has the id of the first, and is ignored
		l := must(a.Activity(a.ctx, activity.Filter{}, adminstore.Page{Limit: 9}))
		a.want("the number of entries", len(l.Entries), 1)
		at := l.Entries[0].At
		a.want("the time", at.After(start) && at.Before(start.Add(time.Hour)) && at.Location() == time.UTC, true)
		want.At = at
		a.want("the entry", l.Entries[0], want)
	}},
	{"pages, filters and orders", func(a activities) {
		a.record(
			activity.Entry{ID: "e", Actor: "ann", Action: activity.RevokeKey, Key: "k"},
			activity.Entry{ID: "d", Actor: "bob", Action: activity.RevokeKey},
			activity.Entry{ID: "c", Actor: "ann", Action: activity.RetryTask, Key: "k", Task: "t"},
			activity.Entry{ID: "b", Actor: "bob", Action: activity.EditPlan, Plan: "p"},
			activity.Entry{ID: "a", Actor: "ann", Action: activity.RevokeKey, OrderID: "o"},
		)
		all := must(a.Activity(a.ctx, activity.Filter{}, adminstore.Page{Limit: 9}))
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
	}},
	{"old entries are deleted", func(a activities) {
		for _, id := range []string{"a", "b", "c", "d"} {
			a.record(activity.Entry{ID: id})
		}
		all := must(a.Activity(a.ctx, activity.Filter{}, adminstore.Page{Limit: 9}))
		for _, c := range []struct{ deleted, left int }{{2, 2}, {1, 1}, {0, 1}} {
			n := must(a.DeleteActivity(a.ctx, all.Entries[3].At, 2))
			a.want("the numbers of entries", []int{n, len(a.ids(activity.Filter{}, ""))}, []int{c.deleted, c.left})
		}
		a.want("the last entry", a.ids(activity.Filter{}, ""), []string{"d"})
	}},
}

// activities is a store of activity entries under test.
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

// ids returns the ids of the entries that match a filter, in the order o.
func (a activities) ids(f activity.Filter, o adminstore.Order) (all []string) {
	a.Helper()
	read := func(p adminstore.Page) (activity.List, error) { return a.Activity(a.ctx, f, p) }
	for e, err := range adminstore.Each(adminstore.Page{Order: o, Limit: 2}, read) {
		a.must(err)
		all = append(all, e.ID)
	}
	return all
}

// activityFilters are filters, each with the ids of the matching entries of a test case, the oldest first.
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
