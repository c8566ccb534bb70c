package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// connector is a function as a [tasks.Connector].
type connector func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult

func (c connector) Do(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	return c(ctx, o)
}

// work runs a worker pool. The returned function stops it and returns the error of Run.
func (s shop) work(c tasks.Connector, set ...func(*worker.Pool)) (stop func() error) {
	s.engine.Connector = c
	crew := worker.New(s.engine)
	crew.Log, crew.Name = quiet(), "crew"
	s.api.Wake = crew.Wake
	for _, f := range set {
		f(crew)
	}
	ctx, cancel := context.WithCancel(s.Context())
	done := make(chan error, 1)
	go func() { done <- crew.Run(ctx, 25*time.Second) }()
	return func() error {
		cancel()
		return <-done
	}
}

func (s shop) upgrade(code keys.Code, login string) {
	s.Helper()
	got := s.get(url.Values{"upgrade": {string(code)}, "login": {login}, "pwd": {"p"}, "country": {"US"}})
	if got != sent {
		s.Fatalf("got %s", got)
	}
}

// fill creates n waiting upgrades.
func (s shop) fill(n int) {
	s.Helper()
	s.plan("p", "US", n)
	for i := range n {
		code := keys.Code(fmt.Sprint("K", i))
		s.bring(keys.Key{Code: code})
		s.upgrade(code, "a@example.com")
	}
}

func (s shop) status(code keys.Code) keys.Status {
	s.Helper()
	key, err := s.engine.Info(s.Context(), code)
	s.must(err)
	return key.Status
}

func TestAcceptedTasksAreCarriedOutAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		s.plan("p", "US", 30)
		stop := s.work(simulator.Connector{Delay: time.Second})
		synctest.Wait()
		start := time.Now()
		for i := range 30 {
			code := keys.Code(fmt.Sprint("K", i))
			s.bring(keys.Key{Code: code})
			s.upgrade(code, "someone@example.com")
		}
		if got := s.get(url.Values{"info": {"K7"}}); got != `{"status":"in_queue","message":"","username":"","verify_address":"","used":0,"purchase_date":null,"used_date":null}` {
			t.Errorf("got %s", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		for i := range 30 {
			if got := s.status(keys.Code(fmt.Sprint("K", i))); got != keys.Success {
				t.Errorf("key %d is %s after %v", i, got, time.Since(start))
			}
		}
		s.must(stop())
	})
}

func TestNoMoreAtOnceThanWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		s.plan("p", "US", 10)
		var now, most atomic.Int64
		stop := s.work(connector(func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success}
		}), func(c *worker.Pool) { c.Workers = 3 })
		for i := range 10 {
			code := keys.Code(fmt.Sprint("K", i))
			s.bring(keys.Key{Code: code})
			s.upgrade(code, "a@example.com")
		}
		time.Sleep(4*time.Second + 100*time.Millisecond)
		synctest.Wait()
		if most.Load() != 3 || s.status("K9") != keys.Success {
			t.Errorf("%d at once, the last is %s", most.Load(), s.status("K9"))
		}
		s.must(stop())
	})
}

func TestAPanicIsContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		s.plan("p", "US", 1)
		s.bring(keys.Key{Code: "K"})
		first := true
		stop := s.work(connector(func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult {
			if first {
				first = false
				panic("with a secret")
			}
			return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success}
		}))
		s.upgrade("K", "a@example.com")
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if got := s.status("K"); got != keys.Success {
			t.Errorf("the key is %s", got)
		}
		s.must(stop())
	})
}

// TestALongAskingKeepsItsLease also runs a second pool that would take the task.
func TestALongAskingKeepsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		s.plan("p", "US", 1)
		s.bring(keys.Key{Code: "K"})
		var asked atomic.Int64
		slow := connector(func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult {
			asked.Add(1)
			time.Sleep(5 * time.Minute)
			return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success}
		})
		first, second := s.work(slow), s.work(slow)
		s.upgrade("K", "a@example.com")
		time.Sleep(5*time.Minute + 2*time.Second)
		synctest.Wait()
		if asked.Load() != 1 || s.status("K") != keys.Success {
			t.Errorf("asked %d times, the key is %s", asked.Load(), s.status("K"))
		}
		s.must(first())
		s.must(second())
	})
}

// deaf is a store that cannot be reached for a while.
type deaf struct {
	*memory.Store
	away atomic.Bool
}

var errAway = errors.New("the store is away")

func (d *deaf) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	if d.away.Load() {
		return nil, errAway
	}
	return d.Store.Extend(ctx, refs, ttl)
}

// TestALostLeaseEndsTheWork uses a pool that cannot extend its leases. It cancels its work before
// they expire.
func TestALostLeaseEndsTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		s.plan("p", "US", 1)
		s.bring(keys.Key{Code: "K"})
		store := &deaf{Store: s.store}
		store.away.Store(true)
		s.engine.Store = store
		start := time.Now()
		var cut time.Duration
		var reported error
		stop := s.work(connector(func(ctx context.Context, _ tasks.ConnectorRequest) tasks.ConnectorResult {
			<-ctx.Done()
			cut = time.Since(start)
			return tasks.ConnectorResult{}
		}), func(c *worker.Pool) { c.Observe = func(r tasks.Report) { reported = r.Err } })
		s.upgrade("K", "a@example.com")
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if cut == 0 || cut >= time.Minute {
			t.Errorf("cut after %v of a lease of a minute", cut)
		}
		if !errors.Is(reported, context.Canceled) {
			t.Errorf("reported %v", reported)
		}
		if v := s.view("K"); v.Task.Attempts != 0 {
			t.Errorf("written although the lease was lost: %+v", v.Task)
		}
		_ = stop()
	})
}

func (s shop) view(code keys.Code) tasks.Snapshot {
	s.Helper()
	v, err := s.engine.Snapshot(s.Context(), code)
	s.must(err)
	return v
}

func TestAStopWaitsForWhatWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		s.plan("p", "US", 2)
		s.bring(keys.Key{Code: "quick"}, keys.Key{Code: "slow"})
		stop := s.work(connector(func(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
			long := 10 * time.Second
			if o.Account.Login.Reveal() == "slow@example.com" {
				long = time.Hour
			}
			select {
			case <-time.After(long):
				return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success}
			case <-ctx.Done():
				return tasks.ConnectorResult{Effect: tasks.Unknown}
			}
		}))
		s.upgrade("quick", "quick@example.com")
		s.upgrade("slow", "slow@example.com")
		time.Sleep(time.Second)
		start := time.Now()
		s.must(stop())
		if took := time.Since(start); took > 25*time.Second {
			t.Errorf("took %v", took)
		}
		if got := s.status("quick"); got != keys.Success {
			t.Errorf("the quick one is %s", got)
		}
		v := s.view("slow")
		if !v.Task.LeasedUntil.IsZero() || !v.Task.InDoubt || v.Task.CountedAttempts != 1 || !v.Task.Open() {
			t.Errorf("the slow one is left as %+v", v.Task)
		}
	})
}

// TestATaskIsAskedAgainWhenItIsDue uses plans that are full. The task continues with the next plan
// immediately, without waiting for a poll.
func TestATaskIsAskedAgainWhenItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		for _, id := range []string{"p", "q", "r"} {
			s.plan(id, "US", 1)
		}
		s.bring(keys.Key{Code: "K"})
		stop := s.work(simulator.Connector{})
		synctest.Wait()
		s.upgrade("K", "plan_full@example.com")
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if got := s.status("K"); got != keys.FailedUpgrade {
			t.Errorf("the key is %s", got)
		}
		s.must(stop())
	})
}
