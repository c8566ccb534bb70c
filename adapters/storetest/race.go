package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

var raceCases = []testCase[fixture]{
	{"Race/of many upgrades of a key, one is applied", func(f fixture) {
		f.prepare(50, "K")
		changes := f.upgrades(slices.Repeat([]keys.Code{"K"}, 32)...)
		apply := func(i int) ([]error, error) { return f.Apply(f.ctx, changes[i:i+1]) }
		f.want("won", f.race(len(changes), apply, tasks.ErrConflict), 1)
		f.want("slots", f.slots("p"), "49/1/0/0")
	}},
	{"Race/of many upgrades, one for each slot is applied", func(f fixture) {
		const clients, slots = 60, 37
		codes := numbered("K", clients)
		f.issue(codes...)
		for i, size := range []int{1, 17, 19} {
			f.plan(fmt.Sprint("p", i), "US", size)
		}
		changes := f.upgrades(codes...)
		apply := func(i int) ([]error, error) { return f.Apply(f.ctx, changes[3*i:3*i+3]) }
		f.want("won", f.race(clients/3, apply, stock.ErrOutOfStock), slots)
		f.want("slots", f.slots("p0")+f.slots("p1")+f.slots("p2"), "0/1/0/00/17/0/00/19/0/0")
	}},
	// Several goroutines lease until all tasks are leased. No task may be leased twice.
	{"Race/workers lease each task once", func(f fixture) {
		const n, leasers = 60, 6
		f.queueUpgrades(n)
		var leased [leasers][]tasks.Snapshot
		var all atomic.Int64
		runParallel(leasers, func(i int) {
			for all.Load() < n && !f.Failed() {
				snapshots, err := f.Lease(f.ctx, fmt.Sprint("worker", i), 4, ttl)
				if err != nil {
					f.Error(err)
				}
				leased[i] = append(leased[i], snapshots...)
				all.Add(int64(len(snapshots)))
			}
		})
		had := map[keys.Code]int64{}
		for _, v := range slices.Concat(leased[:]...) {
			had[v.Key.Code] += v.Task.Fence // the first lease has the fence 1, so a greater sum shows a second lease
		}
		f.want("tasks", len(had), n)
		for code, fences := range had {
			f.want("leases of "+string(code), fences, 1)
		}
		f.want("left", f.leasesNothing(), true)
	}},
	{"Race/workers end each task once", func(f fixture) {
		const n = 40
		f.queueUpgrades(n)
		var ended atomic.Int64
		runParallel(4, func(i int) {
			for ended.Load() < n && !f.Failed() {
				snapshots, err := f.Lease(f.ctx, fmt.Sprint("worker", i), 3, ttl)
				if err != nil {
					f.Error(err)
					return
				}
				for _, v := range snapshots {
					c := f.settle(v, settled(tasks.Success), false)
					errs, err := f.Apply(f.ctx, []tasks.Change{c})
					if err := errors.Join(append(errs, err)...); err != nil {
						f.Error(err)
					}
					ended.Add(1)
				}
			}
		})
		f.want("slots", f.slots("p"), fmt.Sprintf("0/0/%d/0", n))
	}},
	{"Race/of many imports of a batch, one is applied", func(f fixture) {
		b := adminstore.ImportBatch{ID: id(), Type: tasks.EventIssued}
		batch := func(i int) ([]error, error) {
			return []error{f.batch(b, unused(numbered(fmt.Sprint(i, "-"), 50)...)...)}, nil
		}
		f.want("won", f.race(8, batch, adminstore.ErrBatch), 1)
		f.want("keys", len(must(f.Batch(f.ctx, b.ID))), 50)
	}},
}

// runParallel runs do in n goroutines and waits for them.
func runParallel(n int, do func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

// race calls do in n goroutines. It returns the number of verdicts that are nil. Each other verdict must be one of the
// allowed errors.
func (f fixture) race(n int, do func(i int) (verdicts []error, err error), allowed ...error) (won int) {
	f.Helper()
	verdicts := make([][]error, n)
	runParallel(n, func(i int) {
		var err error
		if verdicts[i], err = do(i); err != nil {
			f.Error(err)
		}
	})
	for _, verdict := range slices.Concat(verdicts...) {
		if verdict == nil {
			won++
		} else if !slices.ContainsFunc(allowed, func(a error) bool { return errors.Is(verdict, a) }) {
			f.Error(verdict)
		}
	}
	return won
}

// queueUpgrades issues n keys, creates a plan "p" with n slots, and opens an upgrade of each key.
func (f fixture) queueUpgrades(n int) {
	f.Helper()
	codes := numbered("K", n)
	f.prepare(n, codes...)
	for _, code := range codes {
		f.accept(tasks.Upgrade, code, "US")
	}
}
