package tasks

import (
	"context"
	"time"
)

// A TaskStats counts tasks over time, for those who watch a shop. A store need not be one.
type TaskStats interface {
	// CountByHour counts the tasks that were accepted in each of n hours from that time on (none after
	// [MaxHours]), as of one moment of the call: those that nobody is in are left out, and they stand
	// in the order of their hours, kinds and outcomes.
	CountByHour(ctx context.Context, from time.Time, n int) ([]HourCount, error)
}

// MaxHours is the most hours that one census looks at: a week.
const MaxHours = 7 * 24

// A HourCount is the tasks of one kind that were accepted in the same hour and have come to the same.
type HourCount struct {
	Hour    int // from 0
	Kind    Kind
	Outcome Outcome // "" of those that are open
	Tasks   int
}
