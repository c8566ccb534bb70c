package storetest

import (
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

var queueCases = []testCase{
	{"Queue/how open tasks stand", queue},
	{"Queue/how long", queueAges},
}

// stand returns the numbers of due, leased and waiting tasks.
func (f fixture) stand() [3]int {
	f.Helper()
	q, err := f.QueueStats(f.ctx)
	f.must(err)
	return [3]int{q.Due, q.Leased, q.Waiting}
}

func queue(f fixture) {
	f.plan("p", "US", 9)
	f.want("of none", f.stand(), [3]int{})
	q, err := f.QueueStats(f.ctx)
	f.must(err)
	f.want("times of none", q, tasks.QueueStats{})
	for _, code := range []keys.Code{"A", "B", "C"} {
		f.issue(code)
		f.accept(tasks.Upgrade, code, "US")
	}
	f.want("accepted", f.stand(), [3]int{3, 0, 0})
	views, err := f.Lease(f.ctx, "worker", 2, ttl)
	f.must(err)
	f.want("leased", f.stand(), [3]int{1, 2, 0})
	f.end(views[0], tasks.WrongAddress)
	f.want("ended", f.stand(), [3]int{1, 1, 0})
	f.must(f.apply(f.settle(views[1], tasks.ConnectorResult{Effect: tasks.Pending, RetryAfter: time.Hour}, false)))
	f.want("to be asked about later", f.stand(), [3]int{1, 0, 1})
	_, err = f.Lease(f.ctx, "worker", 1, time.Microsecond) // expires immediately
	f.must(err)
	f.until("the lease has run out", func() bool { return f.stand() == [3]int{1, 0, 1} })
}

// queueAges checks that Late and Age grow with time. Late is the time since the longest due
// task became due; it must be 0 while no task is due.
func queueAges(f fixture) {
	f.plan("p", "US", 1)
	f.issue("A")
	f.accept(tasks.Upgrade, "A", "US")
	var first tasks.QueueStats
	f.until("the task has waited", func() bool {
		q, err := f.QueueStats(f.ctx)
		f.must(err)
		first = q
		return q.Late > 0 && q.Age > 0
	})
	f.want("due since it was accepted", first.Late == first.Age && first.Age < ttl, true)
	f.lease()
	f.until("the task has grown older", func() bool {
		q, err := f.QueueStats(f.ctx)
		f.must(err)
		f.want("late", q.Late, time.Duration(0))
		return q.Age > first.Age
	})
}

// until waits up to a minute until holds returns true.
func (f fixture) until(what string, holds func() bool) {
	f.Helper()
	for end := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(end) {
			f.Fatalf("waited in vain: %s", what)
		}
	}
}
