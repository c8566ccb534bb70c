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

var raceCases = []testCase{
	{"Race/of many upgrades of a key, one is applied", raceKey},
	{"Race/of many upgrades, one for each slot is applied", raceSlots},
	{"Race/workers lease each task once", raceLeases},
	{"Race/workers end each task once", raceWorkers},
	{"Race/of many imports of a batch, one is applied", raceBatch},
}

// runParallel runs do in n goroutines and waits for them.
func runParallel(n int, do func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

func raceKey(f fixture) {
	f.issue("K")
	f.plan("p", "US", 50)
	changes := make([]tasks.Change, 32)
	for i := range changes {
		changes[i] = f.decide(tasks.Upgrade, "K", "US", false)
	}
	var won atomic.Int64
	runParallel(len(changes), func(i int) {
		errs, err := f.Apply(f.ctx, changes[i:i+1])
		switch {
		case err != nil:
			f.Error(err)
		case errs[0] == nil:
			won.Add(1)
		case !errors.Is(errs[0], tasks.ErrConflict):
			f.Error(errs[0])
		}
	})
	f.want("won", won.Load(), 1)
	f.want("slots", f.slots("p"), "49/1/0/0")
}

func raceSlots(f fixture) {
	const clients, slots = 60, 37
	codes := make([]keys.Code, clients)
	for i := range codes {
		codes[i] = keys.Code(fmt.Sprintf("K%03d", i))
	}
	f.issue(codes...)
	for i, size := range []int{1, 17, 19} {
		f.plan(fmt.Sprintf("p%d", i), "US", size)
	}
	changes := make([]tasks.Change, clients)
	for i, code := range codes {
		changes[i] = f.decide(tasks.Upgrade, code, "US", false)
	}
	var won atomic.Int64
	runParallel(clients/3, func(i int) {
		errs, err := f.Apply(f.ctx, changes[3*i:3*i+3])
		if err != nil {
			f.Error(err)
		}
		for _, err := range errs {
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, stock.ErrOutOfStock) {
				f.Error(err)
			}
		}
	})
	f.want("won", won.Load(), slots)
	f.want("slots", f.slots("p0")+f.slots("p1")+f.slots("p2"), "0/1/0/00/17/0/00/19/0/0")
}

// raceLeases runs several goroutines that lease until all tasks are leased. No task may be leased twice, and no task
// may be left over.
func raceLeases(f fixture) {
	const n, leasers = 60, 6
	f.plan("p", "US", n)
	for i := range n {
		code := keys.Code(fmt.Sprintf("K%02d", i))
		f.issue(code)
		f.accept(tasks.Upgrade, code, "US")
	}
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
		had[v.Key.Code] += v.Task.Fence // the first lease of a task has fence 1
	}
	f.want("tasks", len(had), n)
	for code, fences := range had {
		f.want("leases of "+string(code), fences, 1)
	}
	f.want("left", f.leasesNothing(), true)
}

func raceWorkers(f fixture) {
	const n = 40
	for i := range n {
		f.issue(keys.Code(fmt.Sprintf("K%02d", i)))
	}
	f.plan("p", "US", n)
	for i := range n {
		f.accept(tasks.Upgrade, keys.Code(fmt.Sprintf("K%02d", i)), "US")
	}
	var ended atomic.Int64
	runParallel(4, func(i int) {
		for ended.Load() < n && !f.Failed() {
			snapshots, err := f.Lease(f.ctx, fmt.Sprint("worker", i), 3, ttl)
			if err != nil {
				f.Error(err)
				return
			}
			for _, v := range snapshots {
				c := f.settle(v, tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success}, false)
				errs, err := f.Apply(f.ctx, []tasks.Change{c})
				if err := errors.Join(append(errs, err)...); err != nil {
					f.Error(err)
				}
				ended.Add(1)
			}
		}
	})
	f.want("slots", f.slots("p"), fmt.Sprintf("0/0/%d/0", n))
}

func raceBatch(f fixture) {
	b := adminstore.ImportBatch{ID: id(), Type: tasks.EventIssued}
	var won atomic.Int64
	runParallel(8, func(i int) {
		all := make([]keys.Key, 50)
		for n := range all {
			all[n] = keys.Key{Code: keys.Code(fmt.Sprintf("%d-%02d", i, n)), Status: keys.Active}
		}
		switch err := f.batch(b, all...); {
		case err == nil:
			won.Add(1)
		case !errors.Is(err, adminstore.ErrBatch):
			f.Error(err)
		}
	})
	f.want("won", won.Load(), 1)
	all, err := f.Batch(f.ctx, b.ID)
	f.must(err)
	f.want("keys", len(all), 50)
}
