package tasks_test

import (
	"testing"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// TestQueue holds as what a task counts, and since when it is late.
func TestQueue(t *testing.T) {
	ago := func(minutes int) time.Time { return now.Add(-time.Duration(minutes) * time.Minute) }
	hour := time.Hour
	for _, c := range []struct {
		name               string
		due, leased, ended time.Time
		want               tasks.Queue
	}{
		{"due", ago(5), time.Time{}, time.Time{}, tasks.Queue{Due: 1, Late: 5 * time.Minute, Age: hour}},
		{"due just now", now, time.Time{}, time.Time{}, tasks.Queue{Due: 1, Age: hour}},
		{"to be asked about later", ago(-5), time.Time{}, time.Time{}, tasks.Queue{Waiting: 1, Age: hour}},
		{"leased", ago(5), ago(-1), time.Time{}, tasks.Queue{Leased: 1, Age: hour}},
		{"its lease has run out", ago(5), ago(2), time.Time{}, tasks.Queue{Due: 1, Late: 2 * time.Minute, Age: hour}},
		{"its lease runs out now", ago(5), now, time.Time{}, tasks.Queue{Due: 1, Age: hour}},
		{"its lease has run out before it was due", ago(-5), ago(2), time.Time{}, tasks.Queue{Due: 1, Late: 2 * time.Minute, Age: hour}},
		{"ended", ago(5), time.Time{}, ago(1), tasks.Queue{}},
	} {
		task := tasks.Task{Created: ago(60), Due: c.due, Leased: c.leased, Ended: c.ended}
		if got := (tasks.Queue{}).Plus(task, now); got != c.want {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// TestQueueAddsUp holds that the latest and the oldest stand out, in whichever order they come.
func TestQueueAddsUp(t *testing.T) {
	early := tasks.Task{Created: now.Add(-3 * time.Hour), Due: now.Add(-time.Minute)}
	late := tasks.Task{Created: now.Add(-time.Hour), Due: now.Add(-time.Hour)}
	want := tasks.Queue{Due: 2, Leased: 3, Waiting: 4, Late: time.Hour, Age: 3 * time.Hour}
	for _, pair := range [][2]tasks.Task{{early, late}, {late, early}} {
		q := tasks.Queue{Leased: 3, Waiting: 4}
		for _, task := range pair {
			q = q.Plus(task, now)
		}
		if q != want {
			t.Errorf("%+v", q)
		}
	}
}
