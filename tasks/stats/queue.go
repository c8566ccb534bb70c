package stats

import (
	"github.com/keyseat/keyseat/tasks"
	"time"
)

// Queue counts the open tasks by their state at one moment, and has the longest waiting times.
type Queue struct {
	Due     int // due, or with an expired lease: a worker can lease the task
	Leased  int // leased by a worker
	Waiting int // due later, for the next attempt

	Late time.Duration // the time since the longest due task became due; 0: no task is due
	Age  time.Duration // the time since the oldest open task was accepted; 0: no task is open
}

// Add returns the counts with one more task, in its state at the given time. It ignores an ended task.
func (q Queue) Add(t tasks.Task, at time.Time) Queue {
	if !t.Open() {
		return q
	}
	q.Age = max(q.Age, at.Sub(t.CreatedAt))
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
