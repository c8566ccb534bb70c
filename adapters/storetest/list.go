package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

var listCases = []testCase[fixture]{
	{"Keys/pages, filters and orders", func(f fixture) {
		f.shop()
		for _, c := range keyFilters {
			read := func(p adminstore.Page) (adminstore.List, error) { return f.Keys(f.ctx, c.filter, p) }
			for _, order := range []adminstore.Order{"", adminstore.Oldest, adminstore.Newest} {
				want := strings.Fields(c.want)
				if c.filter.IsZero() && order != "" {
					want = strings.Fields("- f c B a b 0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KA g e d")
				}
				pages(f, fmt.Sprintf("keys %+v %q", c.filter, order), order, want, read, func(v tasks.Snapshot) (string, adminstore.Position) {
					f.want("the snapshot", v.Task == nil, v.Key.Task == "")
					return string(v.Key.Code), c.filter.Position(order, v)
				})
			}
		}
	}},
	{"Tasks/pages, filters and orders", func(f fixture) {
		f.shop()
		all := must(f.Tasks(f.ctx, adminstore.TaskFilter{}, adminstore.Page{Limit: 100}))
		since, until := all.Entries[2].Task.CreatedAt, all.Entries[6].Task.CreatedAt
		for _, period := range []adminstore.TaskFilter{{}, {Since: since, Until: until}} {
			for _, c := range taskFilters {
				filter := c.filter
				filter.Since, filter.Until = period.Since, period.Until
				want := strings.Fields(c.want)
				if period.Since != period.Until {
					want = nil
					for _, v := range all.Entries {
						if filter.Match(*v.Task) {
							want = append(want, string(v.Key.Code[:1]))
						}
					}
				}
				read := func(p adminstore.Page) (adminstore.List, error) { return f.Tasks(f.ctx, filter, p) }
				for _, order := range []adminstore.Order{adminstore.Oldest, adminstore.Newest} {
					pages(f, fmt.Sprintf("tasks %+v %q", filter, order), order, want, read, func(v tasks.Snapshot) (string, adminstore.Position) {
						f.want("the key", v.Task.Code, v.Key.Code)
						return string(v.Key.Code[:1]), filter.Position(v)
					})
				}
			}
		}
	}},
	{"Task/one task", func(f fixture) {
		f.openUpgrade("A")
		v := must(f.Task(f.ctx, "none"))
		f.want("none", v.Task == nil, true)
		v = must(f.Task(f.ctx, f.snapshot("A").Key.Task))
		f.want("task", *v.Task, *f.snapshot("A").Task)
		f.want("key", v.Key, f.snapshot("A").Key)
	}},
	{"Search/codes, orders, usernames, tasks and plans", func(f fixture) {
		f.shop()
		own := "0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KA"
		id := f.snapshot("B").Key.Task
		for _, c := range []struct {
			text     string
			prefixes bool
			want     string // codes found by code | by order | by username | by task | ids of plans
		}{
			{"", true, "| | | |"},
			{"b", false, "b | | | |"},
			{own, false, own + " | | | |"},
			{"0v3xk9qz7m1h2abcd4efgj5ka", false, own + " | | | |"},
			{"…GJ5KA", false, own + " | | | |"},
			{"gj5ka", false, own + " | | | |"},
			{"0v3xk", false, "| | | |"},
			{"0v3xk", true, own + " | | | |"},
			{"0V3XK-9Q", true, own + " | | | |"},
			{"order-7", false, "| B a b f | | |"},
			{"order-70", false, "| B | | |"},
			{"Order ü", true, "| " + own + " | | |"},
			{"some", true, "| | g | |"},
			{"\x00", true, "| | | |"},
			{"us-", true, "| | | | us-1 us-2"},
			{id, true, "| | | B |"},
		} {
			s := adminstore.ParseSearch(c.text, c.prefixes, 20)
			found := must(f.Search(f.ctx, s))
			got := strings.Join([]string{codesOf(found.Codes), codesOf(found.Orders), codesOf(found.Usernames), codesOf(found.Tasks), ""}, "| ")
			for _, p := range found.Plans {
				got += p.ID + " "
			}
			f.want(c.text, strings.Fields(got), strings.Fields(c.want))
		}
		limited := must(f.Search(f.ctx, adminstore.ParseSearch("order-7", true, 2)))
		f.want("the exact order comes first", limited.Orders[0].Key.OrderID+" "+limited.Orders[1].Key.OrderID, "order-7 order-7")
	}},
}

// shop fills the store with keys and tasks in many states.
func (f fixture) shop() {
	day := func(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }
	active := func(code keys.Code, order string, bought time.Time) keys.Key {
		return keys.Key{Code: code, Status: keys.Active, OrderID: order, PurchaseDate: bought}
	}
	f.must(f.importKeys(
		active("b", "order-7", day(3)), active("a", "order-7", day(3)), active("B", "order-70", day(2)), active("-", "", time.Time{}),
		keys.Key{Code: "c", Status: keys.Success, Used: true, OrderID: "order-8", PurchaseDate: day(1)},
		keys.Key{Code: "g", Status: keys.Success, Used: true, PurchaseDate: day(5), Username: "someone"},
		keys.Key{Code: "d", Status: keys.Active, Used: true, Invite: "i", PurchaseDate: day(9)},
		keys.Key{Code: "e", Status: keys.FailedUpgrade, Revoked: true, PurchaseDate: day(8)},
		keys.Key{Code: "f", Status: keys.Active, Revoked: true, OrderID: "order-7"},
		active("0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KA", "Order ü", day(4)),
	))
	f.plan("us-1", "US", 9)
	f.plan("us-2", "US", 9)
	f.plan("de-1", "DE", 9)
	f.rules.Attempts = 1
	f.accept(tasks.Upgrade, "b", "US")
	f.must(f.apply(f.settle(f.lease(), tasks.ConnectorResult{}, false))) // so the state of the slot is [stock.Suspect]
	f.finish(tasks.Upgrade, "B", tasks.WrongAddress)
	f.finish(tasks.Upgrade, "-", tasks.AlreadyPremium)
	f.finish(tasks.Upgrade, "B", tasks.Success)
	f.finish(tasks.Renew, "c", tasks.Success)
	f.accept(tasks.Upgrade, "a", "US")
	f.lease() // the task is now running
	f.rules.Attempts, f.rules.Backoff, f.rules.MaxBackoff = 9, ttl, ttl
	f.accept(tasks.Upgrade, "0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KA", "DE")
	f.must(f.apply(f.settle(f.lease(), tasks.ConnectorResult{}, false))) // the task now waits for another attempt
	f.accept(tasks.Upgrade, "c", "DE")
}

// keyFilters are filters, each with the codes of the matching keys of [fixture.shop]. Without another comment, the
// codes are in the order of purchase.
var keyFilters = []struct {
	filter adminstore.KeyFilter
	want   string
}{
	{adminstore.KeyFilter{}, "- 0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KA B a b c d e f g"}, // in the order of the codes, not of purchase
	{adminstore.KeyFilter{OrderID: new("order-7")}, "f a b"},
	{adminstore.KeyFilter{OrderID: new("order-7"), Revoked: new(false)}, "a b"},
	{adminstore.KeyFilter{OrderID: new("")}, "- g e d"},
	{adminstore.KeyFilter{OrderID: new("none")}, ""},
	{adminstore.KeyFilter{OrderID: new("\x00")}, ""},
	{adminstore.KeyFilter{Statuses: []keys.Status{keys.InQueue}}, "c a 0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KA"},
	{adminstore.KeyFilter{Statuses: []keys.Status{keys.Success, keys.Active}}, "f B g d"},
	{adminstore.KeyFilter{Statuses: []keys.Status{"nonsense"}}, ""},
	{adminstore.KeyFilter{OrderID: new("order-7"), Statuses: []keys.Status{"nonsense"}}, ""},
	{adminstore.KeyFilter{Used: new(true)}, "B g d"},
	{adminstore.KeyFilter{Used: new(false)}, "- f c a b 0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KA e"},
	{adminstore.KeyFilter{Revoked: new(true)}, "f e"},
	{adminstore.KeyFilter{BoughtAfter: time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)}, "a b 0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KA g e d"},
	{adminstore.KeyFilter{BoughtBefore: time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)}, "c B"},
	{adminstore.KeyFilter{Used: new(true), BoughtAfter: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC), BoughtBefore: time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)}, "B"},
	{adminstore.KeyFilter{Country: "US"}, "b - B a"}, // in the order of the keys' latest tasks
	{adminstore.KeyFilter{Country: "US", Used: new(true)}, "B"},
	{adminstore.KeyFilter{Plan: "us-1"}, "b - B a"},
	{adminstore.KeyFilter{Plan: "us-1", Country: "US", Statuses: []keys.Status{keys.InQueue}, BoughtAfter: time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC), OrderID: new("order-7")}, "a"},
	{adminstore.KeyFilter{Plan: "de-1"}, "0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KA c"},
}

// pages reads a list in pages of two entries, forwards and then back. The slice want has the entries, the oldest first.
func pages[T any](f fixture, name string, o adminstore.Order, want []string, read func(adminstore.Page) (adminstore.ListOf[T], error), entry func(T) (string, adminstore.Position)) {
	f.Helper()
	want = slices.Clone(want)
	if o == adminstore.Newest {
		slices.Reverse(want)
	}
	var got, back []string
	var last adminstore.Position
	for v, err := range adminstore.Each(adminstore.Page{Order: o, Limit: 2}, read) {
		f.must(err)
		var text string
		text, last = entry(v)
		got = append(got, text)
	}
	f.want(name, got, want)
	for p := (adminstore.Page{Order: o, After: last, Back: true, Limit: 2}); !p.After.IsZero(); {
		l := must(read(p))
		var page []string
		for _, v := range l.Entries {
			text, _ := entry(v)
			page = append(page, text)
		}
		back, p.After = append(page, back...), l.Next
	}
	f.want(name+" back", back, want[:max(0, len(want)-1)])
}

// taskFilters are filters, each with the first letters of the codes of matching tasks of [fixture.shop], the oldest
// first.
var taskFilters = []struct {
	filter adminstore.TaskFilter
	want   string
}{
	{adminstore.TaskFilter{}, "b B - B c a 0 c"},
	{adminstore.TaskFilter{State: adminstore.OpenTask}, "a 0 c"},
	{adminstore.TaskFilter{State: adminstore.WaitingTask}, "c"},
	{adminstore.TaskFilter{State: adminstore.RunningTask}, "a"},
	{adminstore.TaskFilter{State: adminstore.RetryingTask}, "0"},
	{adminstore.TaskFilter{State: adminstore.EndedTask}, "b B - B c"},
	{adminstore.TaskFilter{State: adminstore.FailedTask}, "b B -"},
	{adminstore.TaskFilter{State: adminstore.SuspectTask}, "b"},
	{adminstore.TaskFilter{State: adminstore.SuspectTask, Country: "DE"}, ""},
	{adminstore.TaskFilter{State: "nonsense"}, ""},
	{adminstore.TaskFilter{Outcomes: []tasks.Outcome{tasks.Success, tasks.WrongAddress}}, "B B c"},
	{adminstore.TaskFilter{Outcomes: []tasks.Outcome{tasks.Success}, State: adminstore.FailedTask}, ""},
	{adminstore.TaskFilter{Outcomes: []tasks.Outcome{"nonsense"}}, ""},
	{adminstore.TaskFilter{Country: "US"}, "b B - B c a"},
	{adminstore.TaskFilter{Country: "DE"}, "0 c"},
	{adminstore.TaskFilter{Country: "US", State: adminstore.FailedTask}, "b B -"},
	{adminstore.TaskFilter{Country: "DE", State: adminstore.RetryingTask}, "0"},
	{adminstore.TaskFilter{Plan: "us-1"}, "b B - B a"},
	{adminstore.TaskFilter{Plan: "us-1", Outcomes: []tasks.Outcome{tasks.Success}}, "B"},
	{adminstore.TaskFilter{Plan: "us-1", State: adminstore.OpenTask}, "a"},
	{adminstore.TaskFilter{Plan: "de-1", Country: "DE"}, "0 c"},
	{adminstore.TaskFilter{Code: "B"}, "B B"},
	{adminstore.TaskFilter{Code: "B", State: adminstore.SuspectTask}, ""},
	{adminstore.TaskFilter{Code: "b", State: adminstore.SuspectTask}, "b"},
	{adminstore.TaskFilter{Code: "B", Plan: "us-1", Country: "US", State: adminstore.EndedTask}, "B B"},
	{adminstore.TaskFilter{Code: "\x00"}, ""},
}

// codesOf returns the sorted codes of snapshots.
func codesOf(all []tasks.Snapshot) (text string) {
	var codes []string
	for _, v := range all {
		codes = append(codes, string(v.Key.Code))
	}
	slices.Sort(codes)
	return strings.Join(codes, " ") + " "
}
