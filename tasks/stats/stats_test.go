package stats_test

import (
	"testing"
	"time"

	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/stats"
)

// now is the time of the store's clock in these tests.
var now = time.Date(2026, 11, 22, 19, 37, 0, 0, time.UTC)

// TestQueue tests in which state a task is counted, and which Late and Age a task causes.
func TestQueue(t *testing.T) {
	ago := func(minutes int) time.Time { return now.Add(-time.Duration(minutes) * time.Minute) }
	hour := time.Hour
	for _, c := range []struct {
		name               string
		due, leased, ended time.Time
		want               stats.Queue
	}{
		{"due", ago(5), time.Time{}, time.Time{}, stats.Queue{Due: 1, Unattempted: 1, Late: 5 * time.Minute, Age: hour}},
		{"due just now", now, time.Time{}, time.Time{}, stats.Queue{Due: 1, Unattempted: 1, Age: hour}},
		{"to be asked about later", ago(-5), time.Time{}, time.Time{}, stats.Queue{Waiting: 1, Unattempted: 1, Age: hour}},
		{"leased", ago(5), ago(-1), time.Time{}, stats.Queue{Leased: 1, Age: hour}},
		{"its lease has run out", ago(5), ago(2), time.Time{}, stats.Queue{Due: 1, Late: 2 * time.Minute, Age: hour}},
		{"its lease runs out now", ago(5), now, time.Time{}, stats.Queue{Due: 1, Age: hour}},
		{"its lease has run out before it was due", ago(-5), ago(2), time.Time{}, stats.Queue{Due: 1, Late: 2 * time.Minute, Age: hour}},
		{"ended", ago(5), time.Time{}, ago(1), stats.Queue{}},
	} {
		task := tasks.Task{CreatedAt: ago(60), DueAt: c.due, LeasedUntil: c.leased, EndedAt: c.ended}
		if got := (stats.Queue{}).Add(task, now); got != c.want {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// TestQueueAddsUp tests that Late and Age are the maximum over the tasks, whatever the order of the tasks.
func TestQueueAddsUp(t *testing.T) {
	early := tasks.Task{CreatedAt: now.Add(-3 * time.Hour), DueAt: now.Add(-time.Minute)}
	late := tasks.Task{LostLeases: 1, CreatedAt: now.Add(-time.Hour), DueAt: now.Add(-time.Hour)}
	want := stats.Queue{Due: 2, Leased: 3, Waiting: 4, Unattempted: 1, Attempted: 1, Late: time.Hour, Age: 3 * time.Hour}
	for _, pair := range [][2]tasks.Task{{early, late}, {late, early}} {
		q := stats.Queue{Leased: 3, Waiting: 4}
		for _, task := range pair {
			q = q.Add(task, now)
		}
		if q != want {
			t.Errorf("%+v", q)
		}
		if n := q.Leases(); n != 7 {
			t.Errorf("%d tasks have a lease", n)
		}
	}
}
