package worker_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/tasks"
)

// leaseStats runs a pool of eight workers with n tasks, each of which takes the given time, and stops
// it after a while. It returns the maximum number of leases without a result, and the number of tasks
// that another worker can lease immediately after the stop.
func leaseStats(t *testing.T, n int, takes, while time.Duration) (most, left int) {
	f := newFixture(t)
	f.addUpgrades(n)
	leased := &leaseCounter{Store: f.store}
	f.engine.Store = leased
	var done atomic.Int64
	stop := f.run(connector(func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult {
		time.Sleep(takes)
		done.Add(1)
		leased.now.Add(-1)
		return success
	}), func(p *worker.Pool) { p.Workers = 8 })
	time.Sleep(while)
	f.must(stop())
	others, err := f.store.Lease(t.Context(), "another", n, time.Minute)
	if err != nil || len(others)+int(done.Load()) != n {
		t.Errorf("%d of %d are done, %d can be leased, %v", done.Load(), n, len(others), err)
	}
	return int(leased.most.Load()), len(others)
}

// A leaseCounter is a store that counts the leases without a result.
type leaseCounter struct {
	tasks.Store
	now, most atomic.Int64
}

func (c *leaseCounter) Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	leased, err := c.Store.Lease(ctx, worker, n, ttl)
	now := c.now.Add(int64(len(leased)))
	c.most.Store(max(c.most.Load(), now))
	return leased, err
}

func (c *leaseCounter) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	if ttl == 0 {
		c.now.Add(-int64(len(refs)))
	}
	return c.Store.Extend(ctx, refs, ttl)
}

// TestFastWorkersPrefetch also checks that a stop immediately returns tasks that no worker has
// started.
func TestFastWorkersPrefetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if most, left := leaseStats(t, 500, 50*time.Millisecond, 5*time.Second/2); most != 16 || left == 0 {
			t.Errorf("8 workers that take 50 ms have %d leases, %d are left", most, left)
		}
	})
}

func TestSlowWorkersDoNotPrefetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if most, left := leaseStats(t, 100, 3*time.Second, time.Minute/4); most != 8 || left == 0 {
			t.Errorf("8 workers that take 3 s have %d leases, %d are left", most, left)
		}
	})
}

// A hangingProvider answers a pool of eight workers with a backlog of 600 tasks. It answers quickly
// for two seconds, and then not until over is closed.
type hangingProvider struct {
	*fixture
	calls, late atomic.Int64 // all calls, and those that began after the lease was lost
	over        chan struct{}
	stop        func() error
}

func runHanging(t *testing.T, set func(*worker.Pool)) *hangingProvider {
	h := &hangingProvider{fixture: newFixture(t), over: make(chan struct{})}
	h.addUpgrades(600)
	start := time.Now()
	h.stop = h.run(connector(func(ctx context.Context, _ tasks.ConnectorRequest) tasks.ConnectorResult {
		h.calls.Add(1)
		if time.Sleep(time.Nanosecond); ctx.Err() != nil { // all other goroutines of this moment have run
			h.late.Add(1)
		}
		if time.Sleep(50 * time.Millisecond); time.Since(start) > 2*time.Second {
			<-h.over
		}
		return success
	}), set)
	return h
}

func TestPrefetchedTasksAreReturnedWhenWorkersHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := runHanging(t, func(p *worker.Pool) { p.Workers = 8 })
		time.Sleep(6 * time.Second)
		others, err := h.store.Lease(t.Context(), "another", 600, time.Minute)
		if err != nil || len(others) != 600-int(h.calls.Load()) {
			t.Errorf("%d calls, %d tasks can be leased, %v", h.calls.Load(), len(others), err)
		}
		close(h.over)
		h.must(h.stop())
	})
}

// TestJobWithoutLeaseIsNotStarted takes the leases of all waiting jobs away.
func TestJobWithoutLeaseIsNotStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := runHanging(t, func(p *worker.Pool) {
			p.Engine.Store = fencedStore{p.Engine.Store}
			p.Workers, p.Lease, p.PollInterval = 8, 333*time.Millisecond, 100*time.Millisecond
		})
		time.Sleep(2500 * time.Millisecond)
		close(h.over)
		time.Sleep(time.Second)
		if late := h.late.Load(); late > 0 {
			t.Errorf("%d calls after the lease was lost", late)
		}
		h.must(h.stop())
	})
}

// A fencedStore extends no lease.
type fencedStore struct{ tasks.Store }

func (fencedStore) Extend(_ context.Context, refs []tasks.Ref, _ time.Duration) ([]error, error) {
	errs := make([]error, len(refs))
	for i := range errs {
		errs[i] = tasks.ErrFenced
	}
	return errs, nil
}

// A slowApply is a store that takes a second to settle, and records how many tasks it settles
// simultaneously.
type slowApply struct {
	tasks.Store
	now, most atomic.Int64
}

func (s *slowApply) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	s.most.Store(max(s.most.Load(), s.now.Add(1)))
	defer s.now.Add(-1)
	time.Sleep(time.Second)
	return s.Store.Apply(ctx, changes)
}

// TestTwiceWorkersInProgressWhileSettling checks that workers continue while results are settled, and
// that up to twice as many tasks as workers are in progress.
func TestTwiceWorkersInProgressWhileSettling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.addUpgrades(100)
		store := &slowApply{Store: f.store}
		f.engine.Store = store
		var calls atomic.Int64
		stop := f.run(connector(func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult {
			calls.Add(1)
			time.Sleep(10 * time.Millisecond)
			return success
		}), func(p *worker.Pool) { p.Workers, p.PollInterval = 8, time.Hour })
		time.Sleep(500 * time.Millisecond)
		if n := calls.Load(); n != 16 {
			t.Errorf("8 workers have made %d calls before the first task is settled", n)
		}
		time.Sleep(time.Minute)
		f.must(stop())
		if n, most := calls.Load(), store.most.Load(); n != 100 || most != 16 {
			t.Errorf("%d of 100 calls, %d settled simultaneously", n, most)
		}
	})
}

// A slowLease is a store with network latency: tasks end while others are being leased.
type slowLease struct {
	tasks.Store
	leases atomic.Int64
}

func (s *slowLease) Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	s.leases.Add(1)
	time.Sleep(10 * time.Millisecond)
	return s.Store.Lease(ctx, worker, n, ttl)
}

// runBacklog runs a pool of eight workers, which practically never polls, with n tasks. The first
// tasks, slow in number, take an hour; the others take a few milliseconds each.
func runBacklog(t *testing.T, n, slow int) (store *slowLease, left int, stop func() error) {
	f := newFixture(t)
	f.addUpgrades(n)
	store = &slowLease{Store: f.store}
	f.engine.Store = store
	var calls, done atomic.Int64
	stop = f.run(connector(func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult {
		if i := calls.Add(1); i <= int64(slow) {
			time.Sleep(time.Hour)
		} else {
			time.Sleep(time.Duration(i%5) * time.Millisecond)
		}
		done.Add(1)
		return success
	}), func(p *worker.Pool) { p.Workers, p.PollInterval = 8, 24*time.Hour })
	time.Sleep(2 * time.Second)
	synctest.Wait()
	return store, n - int(done.Load()), stop
}

func TestBacklogNeedsNoIntervalPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, left, stop := runBacklog(t, 400, 0)
		if left != 0 {
			t.Errorf("%d of 400 tasks wait for a poll", left)
		}
		before := store.leases.Load()
		if before > 400/4+2 {
			t.Errorf("%d leases for 400 tasks and 8 workers", before)
		}
		time.Sleep(time.Hour)
		if after := store.leases.Load(); after != before {
			t.Errorf("%d leases although nothing is due", after-before)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestBacklogWithBusyWorkers leaves fewer than half of the workers free.
func TestBacklogWithBusyWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, left, stop := runBacklog(t, 100, 6)
		if left != 6 {
			t.Errorf("%d of 100 tasks are left, 6 are in progress", left)
		}
		time.Sleep(time.Hour)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}
