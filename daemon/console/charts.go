package console

import (
	"cmp"
	"slices"
	"time"

	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/stats"
)

// An outcomeGroup is a group of outcomes that the chart shows as one series.
type outcomeGroup struct {
	Name     string // also selects the color
	Label    string
	outcomes []tasks.Outcome
}

var outcomeGroups = []outcomeGroup{
	{"success", "succeeded", []tasks.Outcome{tasks.Success}},
	{"refused", "refused", []tasks.Outcome{
		tasks.InvalidCredentials, tasks.AccountLocked, tasks.AlreadyPremium, tasks.UpgradedRecently,
		tasks.AlreadyMember, tasks.WrongAddress, tasks.StillPremium,
	}},
	{"empty", "out of stock", []tasks.Outcome{tasks.OutOfStock}},
	{"faulty", "faulty plan", []tasks.Outcome{tasks.PlanExpired, tasks.PlanFull, tasks.PlanInvalid}},
	{"error", "system error", []tasks.Outcome{tasks.SystemError}},
	{"open", "open", []tasks.Outcome{""}},
}

// chartHours is the number of hours that the chart covers.
const chartHours = 24

// An hour counts the tasks that were accepted in one hour, per outcome group.
type hour struct {
	From   time.Time
	Counts []int
	All    int
}

// Label returns the time of day at which the hour begins, in UTC.
func (h hour) Label() string { return h.From.Format("15:04") }

// A sum is the number of tasks of one kind with one outcome.
type sum struct {
	Outcome tasks.Outcome
	Kind    tasks.Kind
	Tasks   int
}

// An outcomeChart holds the outcomes of the tasks of the last hours.
type outcomeChart struct {
	Groups []outcomeGroup
	Hours  []hour
	Sums   []sum // the most frequent first
	All    int
}

// newOutcomeChart groups the counts by hour and outcome group. The first hour begins at from.
func newOutcomeChart(from time.Time, counts []stats.HourCount) outcomeChart {
	chart := outcomeChart{Groups: outcomeGroups, Hours: make([]hour, chartHours)}
	for i := range chart.Hours {
		chart.Hours[i] = hour{From: from.Add(time.Duration(i) * time.Hour), Counts: make([]int, len(outcomeGroups))}
	}
	for _, c := range counts {
		i := slices.IndexFunc(outcomeGroups, func(g outcomeGroup) bool { return slices.Contains(g.outcomes, c.Outcome) })
		if i < 0 || c.Hour >= chartHours {
			continue
		}
		chart.Hours[c.Hour].Counts[i] += c.Tasks
		chart.Hours[c.Hour].All += c.Tasks
		chart.All += c.Tasks
		chart.add(c)
	}
	slices.SortStableFunc(chart.Sums, func(x, y sum) int { return cmp.Compare(y.Tasks, x.Tasks) })
	return chart
}

func (o *outcomeChart) add(c stats.HourCount) {
	for i, s := range o.Sums {
		if s.Outcome == c.Outcome && s.Kind == c.Kind {
			o.Sums[i].Tasks += c.Tasks
			return
		}
	}
	o.Sums = append(o.Sums, sum{c.Outcome, c.Kind, c.Tasks})
}

// Total returns the number of tasks in the group at index i.
func (o outcomeChart) Total(i int) (n int) {
	for _, h := range o.Hours {
		n += h.Counts[i]
	}
	return n
}
