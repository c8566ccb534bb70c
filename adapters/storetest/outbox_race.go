package storetest

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// outboxCrowd runs writers of several keys, and simultaneously workers that route entries and lease deliveries. Each
// entry must be delivered once, and the entries of each key in order.
func outboxCrowd(f outbox) {
	const writers, lines, workers = 8, 12, 4
	f.listen("L")
	var writing, working sync.WaitGroup
	for w := range writers {
		code := keys.Code(fmt.Sprint("K", w))
		f.issue(code)
		writing.Go(func() {
			for range lines {
				f.revokeOr(code)
			}
		})
	}
	var finished atomic.Bool
	heard := &heard{lines: map[keys.Code][]int64{}}
	for range workers {
		working.Go(func() {
			for !finished.Load() {
				f.work(heard)
			}
		})
	}
	writing.Wait()
	finished.Store(true)
	working.Wait()
	for more := true; more; {
		more = f.work(heard)
	}
	for w := range writers {
		got := heard.lines[keys.Code(fmt.Sprint("K", w))]
		if len(got) != lines || !slices.IsSorted(got) {
			f.Errorf("a key with %d lines was told %v", lines, got)
		}
	}
}

// revokeOr is like revoke, for use in other goroutines than that of the test.
func (f outbox) revokeOr(code keys.Code) {
	views, err := f.Snapshots(f.ctx, []keys.Code{code})
	if err == nil {
		c, _ := tasks.Revoke(views[0], id())
		_, err = f.Apply(f.ctx, []tasks.Change{c})
	}
	if err != nil {
		f.Error(err)
	}
}

// heard records the delivered entries of each key.
type heard struct {
	mu    sync.Mutex
	lines map[keys.Code][]int64
}

// work routes entries, leases deliveries, and delivers one entry of each. It returns false if there was nothing to do.
func (f outbox) work(to *heard) bool {
	n, err := f.Route(f.ctx, told, 5)
	if err != nil {
		f.Error(err)
	}
	all, err := f.LeaseDeliveries(f.ctx, "L", id(), 3, ttl)
	if err != nil {
		f.Error(err)
	}
	for _, m := range all {
		line := m.Entries[0]
		to.mu.Lock()
		to.lines[m.Code] = append(to.lines[m.Code], line.Seq)
		to.mu.Unlock()
		m.DeliveredSeq = line.Seq
		if err := f.CompleteDelivery(f.ctx, m, nil); err != nil {
			f.Error(err)
		}
	}
	return n+len(all) > 0
}
