package daemon_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/tasks"
)

// far is a store with network latency: tasks end while others are being leased.
type far struct {
	*memory.Store
	leases atomic.Int64
}

func (f *far) Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	f.leases.Add(1)
	time.Sleep(10 * time.Millisecond)
	return f.Store.Lease(ctx, worker, n, ttl)
}

// backlog runs a pool of eight workers, which practically never polls, with n tasks. The first
// tasks, slow in number, take an hour; the others take a few milliseconds each.
func backlog(t *testing.T, n, slow int) (f *far, working int, stop func() error) {
	s := open(t)
	s.fill(n)
	f = &far{Store: s.store}
	s.engine.Store = f
	var asked, done atomic.Int64
	stop = s.work(connector(func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult {
		if i := asked.Add(1); i <= int64(slow) {
			time.Sleep(time.Hour)
		} else {
			time.Sleep(time.Duration(i%5) * time.Millisecond)
		}
		done.Add(1)
		return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success}
	}), func(c *worker.Pool) { c.Workers, c.PollInterval = 8, 24*time.Hour })
	time.Sleep(2 * time.Second)
	synctest.Wait()
	return f, n - int(done.Load()), stop
}

func TestABacklogIsWorkedOffWithoutPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, left, stop := backlog(t, 400, 0)
		if left != 0 {
			t.Errorf("%d of 400 tasks wait for a poll", left)
		}
		was := store.leases.Load()
		if was > 400/4+2 {
			t.Errorf("%d leases for 400 tasks and 8 hands", was)
		}
		time.Sleep(time.Hour)
		if is := store.leases.Load(); is != was {
			t.Errorf("%d leases although nothing is due", is-was)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestHandsThatAreHeldUpLeaveTheOthersToWork leaves fewer than half of the workers free.
func TestHandsThatAreHeldUpLeaveTheOthersToWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, left, stop := backlog(t, 100, 6)
		if left != 6 {
			t.Errorf("%d of 100 tasks are left, 6 are in work", left)
		}
		time.Sleep(time.Hour)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}
