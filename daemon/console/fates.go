package console

import (
	"cmp"
	"slices"
	"time"

	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/stats"
)

// A fate is a group of outcomes that the chart shows as one series.
type fate struct {
	Name string // also selects the colour
	Says string
	of   []tasks.Outcome
}

var fates = []fate{
	{"success", "succeeded", []tasks.Outcome{tasks.Success}},
	{"refused", "turned down", []tasks.Outcome{
		tasks.InvalidCredentials, tasks.AccountLocked, tasks.AlreadyPremium, tasks.UpgradedRecently,
		tasks.AlreadyMember, tasks.WrongAddress, tasks.StillPremium,
	}},
	{"empty", "out of stock", []tasks.Outcome{tasks.OutOfStock}},
	{"faulty", "faulty plan", []tasks.Outcome{tasks.PlanExpired, tasks.PlanFull, tasks.PlanInvalid}},
	{"error", "system error", []tasks.Outcome{tasks.SystemError}},
	{"open", "open", []tasks.Outcome{""}},
}

// past is the number of hours that the chart covers.
const past = 24

// An hour counts the tasks that were accepted in one hour, per fate.
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

// A tide holds the outcomes of the tasks of the last hours.
type tide struct {
	Fates []fate
	Hours []hour
	Sums  []sum // the most frequent first
	All   int
}

// newTide groups the counts of cohorts by hour and fate. The first hour begins at from.
func newTide(from time.Time, cohorts []stats.HourCount) tide {
	t := tide{Fates: fates, Hours: make([]hour, past)}
	for i := range t.Hours {
		t.Hours[i] = hour{From: from.Add(time.Duration(i) * time.Hour), Counts: make([]int, len(fates))}
	}
	for _, c := range cohorts {
		i := slices.IndexFunc(fates, func(f fate) bool { return slices.Contains(f.of, c.Outcome) })
		if i < 0 || c.Hour >= past {
			continue
		}
		t.Hours[c.Hour].Counts[i] += c.Tasks
		t.Hours[c.Hour].All += c.Tasks
		t.All += c.Tasks
		t.add(c)
	}
	slices.SortStableFunc(t.Sums, func(x, y sum) int { return cmp.Compare(y.Tasks, x.Tasks) })
	return t
}

func (t *tide) add(c stats.HourCount) {
	for i, s := range t.Sums {
		if s.Outcome == c.Outcome && s.Kind == c.Kind {
			t.Sums[i].Tasks += c.Tasks
			return
		}
	}
	t.Sums = append(t.Sums, sum{c.Outcome, c.Kind, c.Tasks})
}

// Total returns the number of tasks with the fate at index i.
func (t tide) Total(i int) (n int) {
	for _, h := range t.Hours {
		n += h.Counts[i]
	}
	return n
}
