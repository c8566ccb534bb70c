package storetest

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/stats"
)

var statsCases = []testCase[fixture]{
	{"QueueStats/due, leased and waiting tasks", func(f fixture) {
		f.want("without tasks", f.queueCounts(), [3]int{})
		f.want("times without tasks", must(f.QueueStats(f.ctx)), stats.Queue{})
		f.queueUpgrades(3)
		f.want("accepted", f.queueCounts(), [3]int{3, 0, 0})
		snapshots := must(f.Lease(f.ctx, "worker", 2, ttl))
		f.want("leased", f.queueCounts(), [3]int{1, 2, 0})
		f.end(snapshots[0], tasks.WrongAddress)
		f.want("ended", f.queueCounts(), [3]int{1, 1, 0})
		f.must(f.apply(f.settle(snapshots[1], tasks.ConnectorResult{Effect: tasks.Pending, RetryAfter: time.Hour}, false)))
		f.want("retried later", f.queueCounts(), [3]int{1, 0, 1})
		f.leaseBriefly()
		f.eventually("the lease has run out", func() bool { return f.queueCounts() == [3]int{1, 0, 1} })
	}},
	// Late and Age grow with time. Late is the time since the longest due task became due, and 0 while no task is due.
	// Age is the time since the oldest open task was accepted.
	{"QueueStats/ages", func(f fixture) {
		f.openUpgrade("A")
		var first stats.Queue
		f.eventually("the task has waited", func() bool {
			q := must(f.QueueStats(f.ctx))
			first = q
			return q.Late > 0 && q.Age > 0
		})
		f.want("due since its acceptance", first.Late == first.Age && first.Age < ttl, true)
		f.lease()
		f.eventually("the task has grown older", func() bool {
			q := must(f.QueueStats(f.ctx))
			f.want("late", q.Late, time.Duration(0))
			return q.Age > first.Age
		})
	}},
}

// queueCounts returns the numbers of due, leased and waiting tasks. It checks the other counts against lists of tasks.
func (f fixture) queueCounts() [3]int {
	f.Helper()
	q := must(f.QueueStats(f.ctx))
	for state, n := range map[adminstore.TaskState]int{
		adminstore.WaitingTask: q.Unattempted, adminstore.RetryingTask: q.Attempted, adminstore.RunningTask: q.Leases(),
	} {
		l := must(f.Tasks(f.ctx, adminstore.TaskFilter{State: state}, adminstore.Page{Limit: 10}))
		f.want("tasks in the list "+string(state), n, len(l.Entries))
	}
	return [3]int{q.Due, q.Leased, q.Waiting}
}

// eventually waits up to a minute until holds returns true.
func (f fixture) eventually(what string, holds func() bool) {
	f.Helper()
	for end := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(end) {
			f.Fatalf("waited in vain until %s", what)
		}
	}
}

// A StatsStore is a store that counts tasks over time.
type StatsStore interface {
	Store
	stats.TaskStats
}

var taskStatsCases = []testCase[statsFixture]{
	{"CountByHour/by hour, kind and outcome", func(f statsFixture) {
		f.prepare(9, "A", "B", "C", "D")
		f.must(f.importKeys(keys.Key{Code: "R", Status: keys.Active, Used: true}))
		f.finish(tasks.Upgrade, "A", tasks.Success)
		for _, code := range []keys.Code{"B", "C"} {
			f.finish(tasks.Upgrade, code, tasks.WrongAddress)
		}
		f.accept(tasks.Upgrade, "D", "US")
		f.accept(tasks.Renew, "R", "US")
		accepted := f.snapshot("A").Task.CreatedAt
		got := must(f.CountByHour(f.ctx, accepted.Add(-90*time.Minute), 3, stats.Filter{}))
		f.want("counts", got, []stats.HourCount{
			{Hour: 1, Kind: tasks.Renew, Outcome: "", Tasks: 1},
			{Hour: 1, Kind: tasks.Upgrade, Outcome: "", Tasks: 1},
			{Hour: 1, Kind: tasks.Upgrade, Outcome: tasks.Success, Tasks: 1},
			{Hour: 1, Kind: tasks.Upgrade, Outcome: tasks.WrongAddress, Tasks: 2},
		})
	}},
	// An hour includes its first moment and excludes the first moment of the next hour.
	{"CountByHour/only of the given hours", func(f statsFixture) {
		f.openUpgrade("A")
		accepted := f.snapshot("A").Task.CreatedAt
		for _, c := range []struct {
			from time.Time
			n    int
			want string
		}{
			{accepted, 1, "0"},
			{accepted.Add(time.Microsecond), 1, ""},
			{accepted.Add(-time.Hour), 1, ""},
			{accepted.Add(-time.Hour), 2, "1"},
			{accepted.Add(-time.Hour + time.Microsecond), 1, "0"},
			{accepted.Add(-stats.MaxHours * time.Hour), stats.MaxHours + 1, ""},
			{accepted, 0, ""},
			{accepted, -1, ""},
		} {
			got := must(f.CountByHour(f.ctx, c.from, c.n, stats.Filter{}))
			hour := ""
			for _, c := range got {
				hour += string(rune('0' + c.Hour))
			}
			f.want("hours", hour, c.want)
		}
	}},
	// A filter applies to open tasks as well as to ended ones.
	{"CountByHour/by country and plan", func(f statsFixture) {
		f.prepare(9, "A", "B", "C", "D")
		f.plan("q", "DE", 9)
		f.finish(tasks.Upgrade, "A", tasks.Success)
		f.finish(tasks.Upgrade, "D", tasks.WrongAddress)
		f.accept(tasks.Upgrade, "B", "US")
		f.accept(tasks.Upgrade, "C", "DE")
		from := f.snapshot("A").Task.CreatedAt
		for _, c := range []struct {
			filter stats.Filter
			want   string
		}{
			{stats.Filter{Country: "US"}, "open success wrong_address"},
			{stats.Filter{Country: "DE"}, "open"},
			{stats.Filter{Country: "FR"}, ""},
			{stats.Filter{Plan: "p"}, "open success wrong_address"},
			{stats.Filter{Plan: "q", Country: "DE"}, "open"},
			{stats.Filter{Plan: "q", Country: "US"}, ""},
			{stats.Filter{Plan: "\x00"}, ""},
		} {
			got := must(f.CountByHour(f.ctx, from, 2, c.filter))
			var outcomes []string
			for _, count := range got {
				outcomes = append(outcomes, cmp.Or(string(count.Outcome), "open"))
				f.want("tasks", count.Tasks, 1)
			}
			f.want(fmt.Sprintf("outcomes of %+v", c.filter), strings.Join(outcomes, " "), c.want)
		}
	}},
	// Renews and failed upgrades do not count. CountSold examines only the n newest tasks.
	{"CountSold/of the newest tasks", func(f statsFixture) {
		f.prepare(9, "A", "B", "C", "D")
		f.plan("q", "DE", 9)
		f.must(f.importKeys(keys.Key{Code: "R", Status: keys.Active, Used: true}))
		for _, code := range []keys.Code{"A", "B", "C"} {
			f.finish(tasks.Upgrade, code, tasks.Success)
		}
		f.finish(tasks.Upgrade, "D", tasks.WrongAddress)
		f.finish(tasks.Renew, "R", tasks.Success)
		a, r := f.snapshot("A").Task.CreatedAt, f.snapshot("R").Task.CreatedAt
		since := a.Add(-time.Hour)
		for _, c := range []struct {
			since time.Time
			n     int
			want  stats.Sold
		}{
			{since, 100, stats.Sold{Country: "US", Slots: 3, Since: since}},
			{a.Add(time.Microsecond), 100, stats.Sold{Country: "US", Slots: 2, Since: a.Add(time.Microsecond)}},
			{since, 1, stats.Sold{Country: "US", Slots: 0, Since: r}},
			{since, 3, stats.Sold{Country: "US", Slots: 2, Since: f.snapshot("B").Task.CreatedAt}},
		} {
			got := must(f.CountSold(f.ctx, []stock.Country{"US", "DE"}, c.since, c.n))
			f.want(fmt.Sprintf("sold since %v, of %d", c.since, c.n), got, []stats.Sold{c.want, {Country: "DE", Since: c.since}})
		}
		f.want("no country", len(must(f.CountSold(f.ctx, nil, since, 1))), 0)
	}},
}

// A statsFixture is a fixture whose store counts tasks over time.
type statsFixture struct {
	fixture
	stats.TaskStats
}
