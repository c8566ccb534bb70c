package storetest

import (
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

var leaseCases = []testCase[fixture]{
	{"Lease/the longest due first, each once", func(f fixture) {
		f.prepare(3, "A", "B", "C")
		for _, code := range []keys.Code{"B", "A", "C"} {
			f.accept(tasks.Upgrade, code, "US")
		}
		first := must(f.Lease(f.ctx, "one", 2, ttl))
		second := must(f.Lease(f.ctx, "two", 2, ttl))
		var got []string
		for _, v := range append(first, second...) {
			got = append(got, string(v.Key.Code))
			f.want("key", v.Key, f.snapshot(v.Key.Code).Key)
			f.want("fence", v.Task.Fence, 1)
			f.want("until", v.Task.LeasedUntil.Sub(v.At).Round(time.Minute), ttl)
		}
		f.want("order", got, []string{"B", "A", "C"})
		f.want("first", len(first), 2)
	}},
	{"Lease/not before it is due", func(f fixture) {
		f.openUpgrade("K")
		f.rules.Backoff, f.rules.MaxBackoff = time.Hour, time.Hour
		f.must(f.apply(f.settle(f.lease(), tasks.ConnectorResult{Effect: tasks.None}, false)))
		f.want("leased", f.leasesNothing(), true)
		f.update(tasks.RetryNow, "K")
		f.want("leased", f.lease().Task.ID, f.snapshot("K").Task.ID)
	}},
	{"Lease/an expired lease counts as lost", func(f fixture) {
		f.openUpgrade("K")
		for lost := range 3 {
			v := f.leaseBriefly()
			f.want("lost", v.Task.LostLeases, lost)
			f.want("fence", v.Task.Fence, lost+1)
			f.want("version", v.Task.Version, 1)
		}
		f.want("viewed", f.snapshot("K").Task.LostLeases, 2)
		f.want("returned", f.extend(f.lease().Task.Ref(), 0), nil)
		f.update(tasks.RetryNow, "K")
		f.want("lost before a retry", f.lease().Task.LostLeases, 3)
	}},
	{"Lease/a returned lease does not count as lost", func(f fixture) {
		f.openUpgrade("K")
		v := f.lease()
		ref := v.Task.Ref()
		f.want("returned", f.extend(ref, 0), nil)
		f.want("lease", f.snapshot("K").Task.LeasedUntil.IsZero(), true)
		f.want("returned twice", f.extend(ref, 0), tasks.ErrFenced)
		f.want("extended after the return", f.extend(ref, ttl), tasks.ErrFenced)
		again := f.lease()
		f.want("lost", again.Task.LostLeases, 0)
		f.want("due", again.Task.DueAt, v.Task.DueAt)
		f.want("fence", again.Task.Fence, 2)
	}},
	{"Lease/extended", func(f fixture) {
		f.prepare(2, "A", "B")
		f.accept(tasks.Upgrade, "A", "US")
		a := f.lease().Task
		f.accept(tasks.Upgrade, "B", "US")
		b := f.leaseBriefly().Task
		stale := a.Ref()
		stale.Fence--
		errs := must(f.Extend(f.ctx, []tasks.Ref{b.Ref(), {Code: "X", ID: "none", Fence: 1}, stale, a.Ref()}, 2*ttl))
		f.want("verdicts", errs, []error{nil, tasks.ErrFenced, tasks.ErrFenced, nil})
		f.want("both are leased", f.leasesNothing(), true)
		v := f.snapshot("A")
		f.want("until", v.Task.LeasedUntil.Sub(v.At).Round(time.Minute), 2*ttl)
	}},
	{"Lease/an old fence changes nothing", func(f fixture) {
		f.openUpgrade("K")
		stale := f.leaseBriefly()
		held := f.lease()
		f.want("settle", f.apply(f.settle(stale, settled(tasks.Success), false)), tasks.ErrFenced)
		f.want("extend", f.extend(stale.Task.Ref(), ttl), tasks.ErrFenced)
		f.want("slots", f.slots("p"), "0/1/0/0")
		f.want("history", f.history("K"), "imported::> accepted:p:free>held")
		f.want("task", *f.snapshot("K").Task, *held.Task)
		f.end(held, tasks.Success)
		f.want("settle after the end", f.apply(f.settle(stale, tasks.ConnectorResult{}, false)), tasks.ErrFenced)
		f.want("extend after the end", f.extend(held.Task.Ref(), ttl), tasks.ErrFenced)
	}},
	// A clock that was set back leaves times in the future. Here these times are the end of the lease of A and the
	// creation of B, both an hour from now. Lease ignores times that are more than 2×ttl from now, and here ttl is
	// [briefTTL].
	{"Lease/times from a clock that was set back", func(f fixture) {
		f.prepare(2, "A", "B")
		f.accept(tasks.Upgrade, "A", "US")
		f.lease()
		leased := f.leaseBriefly()
		f.want("lost", leased.Task.LostLeases, 1)
		f.end(leased, tasks.Success)

		c := f.decide(tasks.Upgrade, "B", "US", false)
		c.Task.CreatedAt, c.Task.DueAt = c.Task.CreatedAt.Add(time.Hour), c.Task.DueAt.Add(time.Hour)
		c.Events[0].At = c.Task.CreatedAt
		f.must(f.apply(c))
		v := f.leaseBriefly()
		f.want("accepted", v.Task.ID, c.Task.ID)
		f.want("lost", v.Task.LostLeases, 0)
	}},
}

// leasesNothing reports whether no task can be leased.
func (f fixture) leasesNothing() bool {
	f.Helper()
	return len(must(f.Lease(f.ctx, "worker", 1, ttl))) == 0
}

// briefTTL is the duration of a lease that expires before the next call of the store.
const briefTTL = time.Microsecond

// leaseBriefly leases the longest due task for [briefTTL]. The lease expires before the next call of the store. To
// Lease with this ttl, a lease that ends more than 2×[briefTTL] from now counts as expired. So leaseBriefly leases
// only one task.
func (f fixture) leaseBriefly() tasks.Snapshot {
	f.Helper()
	snapshots := must(f.Lease(f.ctx, "worker", 1, briefTTL))
	f.want("leased", len(snapshots), 1)
	return snapshots[0]
}

func (f fixture) extend(ref tasks.Ref, d time.Duration) error {
	f.Helper()
	return must(f.Extend(f.ctx, []tasks.Ref{ref}, d))[0]
}

var snapshotCases = []testCase[fixture]{
	{"Snapshots/in the order of the codes, with empty ones for unknown keys", func(f fixture) {
		f.issue("A", "a", "B")
		snapshots := must(f.Snapshots(f.ctx, []keys.Code{"B", "none", "a", "A", "B"}))
		f.want("snapshots", len(snapshots), 5)
		for i, code := range []keys.Code{"B", "", "a", "A", "B"} {
			f.want("code", snapshots[i].Key.Code, code)
			f.want("exists", snapshots[i].Key.Exists(), code != "")
		}
		f.want("task", snapshots[0].Task == nil, true)
	}},
	{"Snapshots/every field of a key", func(f fixture) {
		bought := time.Date(2026, 11, 22, 19, 37, 0, 123456000, time.UTC)
		key := keys.Key{
			Code: "K'\"%$1?", Status: keys.Failed, Used: true, Revoked: true, Message: "why? \\ ünï — 日本",
			Username: "user", VerifyAddress: "Some street 1,\nTown", Invite: "inv", Address: "addr",
			OrderID: "o-1", PurchaseDate: bought, UsedDate: bought.Add(time.Hour),
		}
		f.must(f.importKeys(key))
		key.Version = 1
		f.want("key", f.snapshot(key.Code).Key, key)
		if age := time.Since(f.snapshot(key.Code).At).Abs(); age > time.Minute {
			f.Fatalf("the time of the snapshot is %v off", age)
		}
	}},
	{"Snapshots/every field of a task", func(f fixture) {
		f.prepare(1, "K")
		c := f.decide(tasks.Upgrade, "K", "us", false)
		f.must(f.apply(c))
		want := *c.Task
		want.Version, want.Plan = 1, tasks.PlanSnapshot{ID: "p", Address: "p street", Invite: "p-invite"}
		want.Sealed = append([]byte(nil), c.Task.Sealed...)
		f.want("task", *f.snapshot("K").Task, want)
		f.want("key's task", f.snapshot("K").Key.Task, want.ID)
		f.want("rate limit", f.snapshot("K").Key.NextTaskAt, c.Key.NextTaskAt)
	}},
	{"Snapshots/empty calls have empty results", func(f fixture) {
		f.want("snapshots", len(must(f.Snapshots(f.ctx, nil))), 0)
		f.want("found", len(must(f.Find(f.ctx, nil))), 0)
		errs := must(f.Apply(f.ctx, nil))
		f.want("verdicts", len(errs), 0)
		f.want("extended", len(must(f.Extend(f.ctx, nil, ttl))), 0)
	}},
	{"Find/the same keys as Snapshots", func(f fixture) {
		f.prepare(1, "A", "a", "B")
		f.must(f.apply(f.decide(tasks.Upgrade, "B", "us", false)))
		codes := []keys.Code{"B", "none", "a", "A", "B"}
		snapshots := must(f.Snapshots(f.ctx, codes))
		found := must(f.Find(f.ctx, codes))
		f.want("found", len(found), len(codes))
		for i, v := range snapshots {
			f.want("key", found[i], v.Key)
		}
		f.want("status", found[0].Status, keys.InQueue)
	}},
}
