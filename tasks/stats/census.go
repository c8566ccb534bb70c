package stats

import (
	"context"
	"github.com/keyseat/keyseat/tasks"
	"time"
)

// TaskStats counts tasks over time, for operators that monitor a shop. A store does not have to implement
// TaskStats.
type TaskStats interface {
	// CountByHour counts the tasks that were accepted in each of the n hours from the given time on, all
	// at one moment during the call. It counts no hour after the first [MaxHours]. The result has no entry
	// for a count of 0. It is sorted by hour, then kind, then outcome.
	CountByHour(ctx context.Context, from time.Time, n int) ([]HourCount, error)
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
