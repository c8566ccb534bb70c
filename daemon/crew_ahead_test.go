package daemon_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/tasks"
)

// hoard runs a pool of eight workers with n tasks, each of which takes the given time, and stops it
// after a while. It returns the maximum number of leases without a result, and the number of tasks
// that another worker can lease immediately after the stop.
func hoard(t *testing.T, n int, takes, while time.Duration) (most, left int) {
	s := open(t)
	s.fill(n)
	leased := &leasing{Store: s.store}
	s.engine.Store = leased
	var done atomic.Int64
	stop := s.work(connector(func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult {
		time.Sleep(takes)
		done.Add(1)
		leased.now.Add(-1)
		return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success}
	}), func(c *worker.Pool) { c.Workers = 8 })
	time.Sleep(while)
	if err := stop(); err != nil {
		t.Error(err)
	}
	views, err := s.store.Lease(t.Context(), "another", n, time.Minute)
	if err != nil || len(views)+int(done.Load()) != n {
		t.Errorf("%d of %d are done, %d can be leased, %v", done.Load(), n, len(views), err)
	}
	return int(leased.most.Load()), len(views)
}

// leasing is a store that counts the leases without a result.
type leasing struct {
	tasks.Store
	now, most atomic.Int64
}

func (c *leasing) Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	views, err := c.Store.Lease(ctx, worker, n, ttl)
	now := c.now.Add(int64(len(views)))
	c.most.Store(max(c.most.Load(), now))
	return views, err
}

func (c *leasing) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	if ttl == 0 {
		c.now.Add(-int64(len(refs)))
	}
	return c.Store.Extend(ctx, refs, ttl)
}

// TestQuickHandsLeaseAhead also checks that a stop immediately returns tasks that no worker has
// started.
func TestQuickHandsLeaseAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if most, left := hoard(t, 500, 50*time.Millisecond, 5*time.Second/2); most != 16 || left == 0 {
			t.Errorf("8 hands that take 50 ms have %d leases, %d are left", most, left)
		}
	})
}

func TestSlowHandsLeaveTasksToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if most, left := hoard(t, 100, 3*time.Second, time.Minute/4); most != 8 || left == 0 {
			t.Errorf("8 hands that take 3 s have %d leases, %d are left", most, left)
		}
	})
}

// A hang is a pool of eight workers with a backlog of 600 tasks. Its provider answers quickly for
// two seconds, and then not until over is closed.
type hang struct {
	shop
	asked, late atomic.Int64 // of the late the lease was lost before
	over        chan struct{}
	stop        func() error
}

func hung(t *testing.T, set func(*worker.Pool)) *hang {
	h := &hang{shop: open(t), over: make(chan struct{})}
	h.fill(600)
	begun := time.Now()
	h.stop = h.work(connector(func(ctx context.Context, _ tasks.ConnectorRequest) tasks.ConnectorResult {
		h.asked.Add(1)
		if time.Sleep(time.Nanosecond); ctx.Err() != nil { // all else that happens now has happened
			h.late.Add(1)
		}
		if time.Sleep(50 * time.Millisecond); time.Since(begun) > 2*time.Second {
			<-h.over
		}
		return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success}
	}), set)
	return h
}

func TestHandsThatBecomeSlowGiveBackWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hung(t, func(c *worker.Pool) { c.Workers = 8 })
		time.Sleep(6 * time.Second)
		views, err := h.store.Lease(t.Context(), "another", 600, time.Minute)
		if err != nil || len(views) != 600-int(h.asked.Load()) {
			t.Errorf("%d were asked about, %d can be leased, %v", h.asked.Load(), len(views), err)
		}
		close(h.over)
		h.must(h.stop())
	})
}

// TestAJobThatHasLostItsLeaseIsNotBegun takes the leases of all waiting jobs away.
func TestAJobThatHasLostItsLeaseIsNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hung(t, func(c *worker.Pool) {
			c.Engine.Store = forgetful{c.Engine.Store}
			c.Workers, c.Lease, c.PollInterval = 8, 333*time.Millisecond, 100*time.Millisecond
		})
		time.Sleep(2500 * time.Millisecond)
		close(h.over)
		time.Sleep(time.Second)
		if late := h.late.Load(); late > 0 {
			t.Errorf("%d were asked about after their leases were lost", late)
		}
		h.must(h.stop())
	})
}

// forgetful is a store that extends no lease.
type forgetful struct{ tasks.Store }

func (forgetful) Extend(_ context.Context, refs []tasks.Ref, _ time.Duration) ([]error, error) {
	errs := make([]error, len(refs))
	for i := range errs {
		errs[i] = tasks.ErrFenced
	}
	return errs, nil
}

// unhurried is a store that takes a second to settle, and records how many tasks it settles
// simultaneously.
type unhurried struct {
	tasks.Store
	now, most atomic.Int64
}

func (u *unhurried) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	u.most.Store(max(u.most.Load(), u.now.Add(1)))
	defer u.now.Add(-1)
	time.Sleep(time.Second)
	return u.Store.Apply(ctx, changes)
}

// TestHandsGoOnWhileAnswersAreSettled checks that up to twice as many tasks as workers are in
// progress.
func TestHandsGoOnWhileAnswersAreSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		s.fill(100)
		store := &unhurried{Store: s.store}
		s.engine.Store = store
		var asked atomic.Int64
		stop := s.work(connector(func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult {
			asked.Add(1)
			time.Sleep(10 * time.Millisecond)
			return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success}
		}), func(c *worker.Pool) { c.Workers, c.PollInterval = 8, time.Hour })
		time.Sleep(500 * time.Millisecond)
		if n := asked.Load(); n != 16 {
			t.Errorf("8 hands have asked about %d tasks before the first is settled", n)
		}
		time.Sleep(time.Minute)
		s.must(stop())
		if n, most := asked.Load(), store.most.Load(); n != 100 || most != 16 {
			t.Errorf("%d of 100 were asked about, %d settled at once", n, most)
		}
	})
}
