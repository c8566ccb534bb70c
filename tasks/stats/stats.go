// Package stats has the counts of tasks for operators that monitor a shop: [TaskStats] over time, and [Queue]
// for the open tasks of one moment.
package stats

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// TaskStats counts tasks over time, for operators that monitor a shop. A store need not implement TaskStats.
type TaskStats interface {
	// CountByHour counts the tasks that match the filter, for each of the n hours from the given time on. A task counts
	// in the hour in which it was accepted. The counts are as of one moment during the call. CountByHour leaves out
	// hours after the first [MaxHours]. The result has no entry for a count of 0. It is sorted by hour, then kind, then
	// outcome.
	CountByHour(ctx context.Context, from time.Time, n int, f Filter) ([]HourCount, error)

	// CountSold counts the delivered slots of each of the countries, in their order: the upgrades that were accepted at
	// the given time or later and have succeeded. For each country it examines only the newest n tasks that have
	// succeeded, so that a call is quick whatever the number of tasks. The argument n is at least 1.
	CountSold(ctx context.Context, countries []stock.Country, since time.Time, n int) ([]Sold, error)
}

// A Filter selects tasks for a count. The zero Filter selects all tasks.
type Filter struct {
	Country stock.Country
	Plan    string // the id of the plan whose slot the task holds or last held
}

// Match reports whether the filter selects the task.
func (f Filter) Match(t tasks.Task) bool {
	return (f.Country == "" || f.Country == t.Country) && (f.Plan == "" || f.Plan == t.Plan.ID)
}

// Sold is the number of delivered slots of a country.
type Sold struct {
	Country stock.Country
	Slots   int
	Since   time.Time // the beginning of the counted period: later than requested if not all tasks were examined
}

// PerDay returns how many slots were delivered per day since s.Since. The period counts as one minute if it is shorter.
func (s Sold) PerDay(now time.Time) float64 {
	return float64(s.Slots) * 24 / max(now.Sub(s.Since), time.Minute).Hours()
}

// MaxHours is the maximum number of hours that [TaskStats] counts in one call: one week.
const MaxHours = 7 * 24

// An HourCount is the number of tasks of one kind and outcome that were accepted in the same hour.
type HourCount struct {
	Hour    int // from 0
	Kind    tasks.Kind
	Outcome tasks.Outcome // "" for open tasks
	Tasks   int
}

// A Queue counts the open tasks by their state at one moment, and has the longest waiting times.
type Queue struct {
	Due     int // due, or with an expired lease: a worker can lease the task
	Leased  int // leased by a worker
	Waiting int // due later, for the next attempt

	// The open tasks without a lease, before and after their first attempt. All other open tasks have a lease, which
	// may have expired. Lists of tasks call the three classes waiting, retrying and running.
	Unattempted int
	Attempted   int

	Late time.Duration // the time since the longest due task became due; 0: no task is due
	Age  time.Duration // the time since the oldest open task was accepted; 0: no task is open
}

// Leases returns the number of tasks with a lease, which may have expired.
func (q Queue) Leases() int { return q.Due + q.Leased + q.Waiting - q.Unattempted - q.Attempted }

// Add returns the counts with one more task, in its state at the given time. It ignores an ended task.
func (q Queue) Add(t tasks.Task, at time.Time) Queue {
	if !t.Open() {
		return q
	}
	q.Age = max(q.Age, at.Sub(t.CreatedAt))
	switch {
	case !t.LeasedUntil.IsZero(): // neither Unattempted nor Attempted
	case t.Attempts+t.LostLeases == 0:
		q.Unattempted++
	default:
		q.Attempted++
	}
	switch {
	case t.LeasedUntil.After(at):
		q.Leased++
	case t.LeasedUntil.IsZero() && t.DueAt.After(at):
		q.Waiting++
	default:
		q.Due++
		q.Late = max(q.Late, at.Sub(t.LeasableAt()))
	}
	return q
}
