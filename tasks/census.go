package tasks

import (
	"context"
	"time"
)

// A Census counts tasks over time, for those who watch a shop. A store need not be one.
type Census interface {
	// Cohorts counts the tasks that were accepted in each of n hours from that time on (none after
	// [MaxHours]), as of one moment of the call: those that nobody is in are left out, and they stand
	// in the order of their hours, kinds and outcomes.
	Cohorts(ctx context.Context, from time.Time, n int) ([]Cohort, error)
}

// MaxHours is the most hours that one census looks at: a week.
const MaxHours = 7 * 24

// A Cohort is the tasks of one kind that were accepted in the same hour and have come to the same.
type Cohort struct {
	Hour    int // from 0
	Kind    Kind
	Outcome Outcome // "" of those that are open
	Tasks   int
}
