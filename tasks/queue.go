package tasks

import "time"

// A QueueStats is how many tasks are open, by how they stand at some moment, and for how long.
type QueueStats struct {
	Due     int // waits for a worker, or for another one since a lease has run out
	Leased  int // a worker has it
	Waiting int // to be asked about again later

	Late time.Duration // how long the longest due task has been due; 0: none is
	Age  time.Duration // since the oldest open task was accepted; 0: none is open
}

// Add counts one more task as of that time. A task that has ended is in no queue.
func (q QueueStats) Add(t Task, at time.Time) QueueStats {
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

// LeasableAt is when the open task is due, or its lease runs out: from then on it can be leased.
func (t Task) LeasableAt() time.Time {
	if t.LeasedUntil.IsZero() {
		return t.DueAt
	}
	return t.LeasedUntil
}
