package storetest

import (
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

var leaseCases = []testCase{
	{"Lease/the longest due first, each once", leaseOrder},
	{"Lease/not before it is due", leaseDue},
	{"Lease/one that ran out is lost", leaseLost},
	{"Lease/one given back is as though not taken", leaseGivenBack},
	{"Lease/extended", leaseExtended},
	{"Lease/an old fence changes nothing", leaseFenced},
	{"Lease/what a clock has set that has gone back", leaseAhead},
}

func leaseOrder(f fixture) {
	f.issue("A", "B", "C")
	f.plan("p", "US", 3)
	for _, code := range []keys.Code{"B", "A", "C"} {
		f.accept(tasks.Upgrade, code, "US")
	}
	first, err := f.Lease(f.ctx, "one", 2, ttl)
	f.must(err)
	second, err := f.Lease(f.ctx, "two", 2, ttl)
	f.must(err)
	var got []string
	for _, v := range append(first, second...) {
		got = append(got, string(v.Key.Code))
		f.want("key", v.Key, f.view(v.Key.Code).Key)
		f.want("fence", v.Task.Fence, 1)
		f.want("until", v.Task.LeasedUntil.Sub(v.At).Round(time.Minute), ttl)
	}
	f.want("order", got, []string{"B", "A", "C"})
	f.want("first", len(first), 2)
}

func leaseDue(f fixture) {
	f.issue("K")
	f.plan("p", "US", 1)
	f.accept(tasks.Upgrade, "K", "US")
	f.rules.Backoff, f.rules.MaxBackoff = time.Hour, time.Hour
	f.must(f.apply(f.settle(f.lease(), tasks.ConnectorResult{Effect: tasks.None}, false)))
	f.want("leased", f.none(), true)
	v := f.view("K")
	c, err := tasks.RetryNow(v, id())
	f.must(err)
	f.must(f.apply(c))
	f.want("leased", f.lease().Task.ID, v.Task.ID)
}

func (f fixture) none() bool {
	f.Helper()
	views, err := f.Lease(f.ctx, "worker", 1, ttl)
	f.must(err)
	return len(views) == 0
}

// brief is the duration of a lease that has expired at the next call.
const brief = time.Microsecond

// lose leases the only due task for such a short time that the lease is lost.
func (f fixture) lose() tasks.Snapshot {
	f.Helper()
	views, err := f.Lease(f.ctx, "worker", 1, brief)
	f.must(err)
	f.want("leased", len(views), 1)
	return views[0]
}

func leaseLost(f fixture) {
	f.issue("K")
	f.plan("p", "US", 1)
	f.accept(tasks.Upgrade, "K", "US")
	for lost := range 3 {
		v := f.lose()
		f.want("lost", v.Task.LostLeases, lost)
		f.want("fence", v.Task.Fence, lost+1)
		f.want("version", v.Task.Version, 1)
	}
	f.want("viewed", f.view("K").Task.LostLeases, 2)
}

func leaseGivenBack(f fixture) {
	f.issue("K")
	f.plan("p", "US", 1)
	f.accept(tasks.Upgrade, "K", "US")
	v := f.lease()
	ref := v.Task.Ref()
	f.want("back", f.extend(ref, 0), nil)
	f.want("lease", f.view("K").Task.LeasedUntil.IsZero(), true)
	f.want("twice", f.extend(ref, 0), tasks.ErrFenced)
	f.want("dead", f.extend(ref, ttl), tasks.ErrFenced)
	again := f.lease()
	f.want("lost", again.Task.LostLeases, 0)
	f.want("due", again.Task.DueAt, v.Task.DueAt)
	f.want("fence", again.Task.Fence, 2)
}

func (f fixture) extend(ref tasks.Ref, d time.Duration) error {
	f.Helper()
	errs, err := f.Extend(f.ctx, []tasks.Ref{ref}, d)
	f.must(err)
	return errs[0]
}

func leaseExtended(f fixture) {
	f.issue("A", "B")
	f.plan("p", "US", 2)
	f.accept(tasks.Upgrade, "A", "US")
	a := f.lease().Task
	f.accept(tasks.Upgrade, "B", "US")
	b := f.lose().Task
	stale := a.Ref()
	stale.Fence--
	errs, err := f.Extend(f.ctx, []tasks.Ref{b.Ref(), {Code: "X", ID: "none", Fence: 1}, stale, a.Ref()}, 2*ttl)
	f.must(err)
	f.want("verdicts", errs, []error{nil, tasks.ErrFenced, tasks.ErrFenced, nil})
	f.want("taken", f.none(), true)
	v := f.view("A")
	f.want("until", v.Task.LeasedUntil.Sub(v.At).Round(time.Minute), 2*ttl)
}

func leaseFenced(f fixture) {
	f.issue("K")
	f.plan("p", "US", 1)
	f.accept(tasks.Upgrade, "K", "US")
	stale := f.lose()
	held := f.lease()
	f.want("settle", f.apply(f.settle(stale, tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success}, false)), tasks.ErrFenced)
	f.want("extend", f.extend(stale.Task.Ref(), ttl), tasks.ErrFenced)
	f.want("slots", f.slots("p"), "0/1/0/0")
	f.want("story", f.story("K"), "imported::> accepted:p:free>held")
	f.want("task", *f.view("K").Task, *held.Task)
	f.end(held, tasks.Success)
	f.want("late", f.apply(f.settle(stale, tasks.ConnectorResult{}, false)), tasks.ErrFenced)
	f.want("ended", f.extend(held.Task.Ref(), ttl), tasks.ErrFenced)
}

// leaseAhead checks times that a clock has set which was set back later. Its leases have the duration [brief], for
// which a time one hour in the future is more than twice the duration.
func leaseAhead(f fixture) {
	f.issue("A", "B")
	f.plan("p", "US", 2)
	f.accept(tasks.Upgrade, "A", "US")
	f.lease()
	taken := f.lose()
	f.want("lost", taken.Task.LostLeases, 1)
	f.end(taken, tasks.Success)

	c := f.decide(tasks.Upgrade, "B", "US", false)
	c.Task.CreatedAt, c.Task.DueAt = c.Task.CreatedAt.Add(time.Hour), c.Task.DueAt.Add(time.Hour)
	c.Events[0].At = c.Task.CreatedAt
	f.must(f.apply(c))
	v := f.lose()
	f.want("accepted", v.Task.ID, c.Task.ID)
	f.want("lost", v.Task.LostLeases, 0)
}
