package daemon_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/tasks"
)

// hoard is the most leases at once that a crew of eight has, of so many tasks that take so long, and how
// many tasks of them are leased by others at once when it stops after a while.
func hoard(t *testing.T, n int, takes, while time.Duration) (most, left int) {
	s := open(t)
	s.fill(n)
	leased := &leasing{Store: s.store}
	s.desk.Store = leased
	var done atomic.Int64
	stop := s.work(connector(func(context.Context, tasks.Order) tasks.Answer {
		time.Sleep(takes)
		done.Add(1)
		return tasks.Answer{Effect: tasks.Settled, Outcome: tasks.Success}
	}), func(c *daemon.Crew) { c.Workers = 8 })
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

// leasing is a store that knows how many leases there are.
type leasing struct {
	tasks.Store
	now, most atomic.Int64
}

func (c *leasing) Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]tasks.View, error) {
	views, err := c.Store.Lease(ctx, worker, n, ttl)
	now := c.now.Add(int64(len(views)))
	c.most.Store(max(c.most.Load(), now))
	return views, err
}

func (c *leasing) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	c.now.Add(-int64(len(changes)))
	return c.Store.Apply(ctx, changes)
}

// TestQuickHandsLeaseAhead also holds that a stop gives back at once what no hand has taken up.
func TestQuickHandsLeaseAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if most, left := hoard(t, 500, 50*time.Millisecond, 5*time.Second/2); most != 16 || left == 0 {
			t.Errorf("8 hands that take 50 ms have %d leases, %d are left", most, left)
		}
	})
}

func TestSlowHandsLeaveTasksToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if most, left := hoard(t, 100, 3*time.Second, time.Minute/4); most > 8+2 || left == 0 {
			t.Errorf("8 hands that take 3 s have %d leases, %d are left", most, left)
		}
	})
}
