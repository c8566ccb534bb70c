package storetest

import (
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// A CensusStore is a store that counts tasks over time.
type CensusStore interface {
	Store
	tasks.TaskStats
}

// RunCensus tests whether a store keeps the contract of [tasks.TaskStats].
func RunCensus(t *testing.T, open func(t testing.TB) CensusStore) {
	for name, run := range map[string]func(f fixture, c tasks.TaskStats){
		"CountByHour/by hour, kind and outcome": cohorts,
		"CountByHour/of those hours alone":      cohortHours,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			run(newFixture(t, s), s)
		})
	}
}

func cohorts(f fixture, census tasks.TaskStats) {
	f.plan("p", "US", 9)
	f.must(f.bring(keys.Key{Code: "R", Status: keys.Active, Used: true}))
	f.issue("A", "B", "C", "D")
	f.accept(tasks.Upgrade, "A", "US")
	f.end(f.lease(), tasks.Success)
	for _, code := range []keys.Code{"B", "C"} {
		f.accept(tasks.Upgrade, code, "US")
		f.end(f.lease(), tasks.WrongAddress)
	}
	f.accept(tasks.Upgrade, "D", "US")
	f.accept(tasks.Renew, "R", "US")
	accepted := f.view("A").Task.CreatedAt
	got, err := census.CountByHour(f.ctx, accepted.Add(-90*time.Minute), 3)
	f.must(err)
	f.want("cohorts", got, []tasks.HourCount{
		{Hour: 1, Kind: tasks.Renew, Outcome: "", Tasks: 1},
		{Hour: 1, Kind: tasks.Upgrade, Outcome: "", Tasks: 1},
		{Hour: 1, Kind: tasks.Upgrade, Outcome: tasks.Success, Tasks: 1},
		{Hour: 1, Kind: tasks.Upgrade, Outcome: tasks.WrongAddress, Tasks: 2},
	})
}

// cohortHours checks that an hour includes its first moment and excludes the first moment of the next hour.
func cohortHours(f fixture, census tasks.TaskStats) {
	f.plan("p", "US", 1)
	f.issue("A")
	f.accept(tasks.Upgrade, "A", "US")
	accepted := f.view("A").Task.CreatedAt
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
		{accepted.Add(-tasks.MaxHours * time.Hour), tasks.MaxHours + 1, ""},
		{accepted, 0, ""},
		{accepted, -1, ""},
	} {
		got, err := census.CountByHour(f.ctx, c.from, c.n)
		f.must(err)
		hour := ""
		for _, cohort := range got {
			hour += string(rune('0' + cohort.Hour))
		}
		f.want("hours", hour, c.want)
	}
}
