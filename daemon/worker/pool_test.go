package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
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

func TestAcceptedTasksAreCarriedOutImmediately(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		stop := f.run(simulator.Connector{Delay: time.Second})
		synctest.Wait()
		start := time.Now()
		f.addUpgrades(30)
		if got := f.status("K7"); got != keys.InQueue {
			t.Errorf("the key is %s before the call", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		for i := range 30 {
			if got := f.status(keys.Code(fmt.Sprint("K", i))); got != keys.Success {
				t.Errorf("key %d is %s after %v", i, got, time.Since(start))
			}
		}
		f.must(stop())
	})
}

func TestCallsAreLimitedToWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var now, most atomic.Int64
		stop := f.run(connector(func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return success
		}), func(p *worker.Pool) { p.Workers = 3 })
		f.addUpgrades(10)
		time.Sleep(4*time.Second + 100*time.Millisecond)
		synctest.Wait()
		if most.Load() != 3 || f.status("K9") != keys.Success {
			t.Errorf("%d calls simultaneously, the last key is %s", most.Load(), f.status("K9"))
		}
		f.must(stop())
	})
}

func TestPanicOfConnectorIsAFailedAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		first := true
		stop := f.run(connector(func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult {
			if first {
				first = false
				panic("with a secret")
			}
			return success
		}))
		f.addUpgrades(1)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if got := f.status("K0"); got != keys.Success {
			t.Errorf("the key is %s", got)
		}
		f.must(stop())
	})
}

// TestLongCallKeepsItsLease also runs a second pool, which takes any task whose lease expires.
func TestLongCallKeepsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var calls atomic.Int64
		slow := connector(func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult {
			calls.Add(1)
			time.Sleep(5 * time.Minute)
			return success
		})
		first, second := f.run(slow), f.run(slow)
		f.addUpgrades(1)
		time.Sleep(5*time.Minute + 2*time.Second)
		synctest.Wait()
		if calls.Load() != 1 || f.status("K0") != keys.Success {
			t.Errorf("%d calls, the key is %s", calls.Load(), f.status("K0"))
		}
		f.must(first())
		f.must(second())
	})
}

// A failingExtend is a store whose Extend fails.
type failingExtend struct{ *memory.Store }

func (failingExtend) Extend(context.Context, []tasks.Ref, time.Duration) ([]error, error) {
	return nil, errors.New("the store is away")
}

// TestWorkIsCancelledBeforeItsLeaseExpires uses a pool that cannot extend its leases.
func TestWorkIsCancelledBeforeItsLeaseExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.engine.Store = failingExtend{f.store}
		start := time.Now()
		var cancelled time.Duration
		var reported error
		stop := f.run(connector(func(ctx context.Context, _ tasks.ConnectorRequest) tasks.ConnectorResult {
			<-ctx.Done()
			cancelled = time.Since(start)
			return tasks.ConnectorResult{}
		}), func(p *worker.Pool) { p.Observe = func(r tasks.Report) { reported = r.Err } })
		f.addUpgrades(1)
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if cancelled == 0 || cancelled >= time.Minute {
			t.Errorf("cancelled after %v of a lease of a minute", cancelled)
		}
		if !errors.Is(reported, context.Canceled) {
			t.Errorf("reported %v", reported)
		}
		if s := f.snapshot("K0"); s.Task.Attempts != 0 {
			t.Errorf("written although the lease was lost: %+v", s.Task)
		}
		_ = stop()
	})
}

// TestStopWaitsForSentCalls checks that a stop waits for a call of 10 s. It cancels a call of an
// hour, and leaves that task open and in doubt.
func TestStopWaitsForSentCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.addPlan("p", 2)
		f.importKeys("quick", "slow")
		stop := f.run(connector(func(ctx context.Context, r tasks.ConnectorRequest) tasks.ConnectorResult {
			takes := 10 * time.Second
			if r.Account.Login.Reveal() == "slow@example.com" {
				takes = time.Hour
			}
			select {
			case <-time.After(takes):
				return success
			case <-ctx.Done():
				return tasks.ConnectorResult{Effect: tasks.Unknown}
			}
		}))
		f.upgrade("quick", "quick@example.com")
		f.upgrade("slow", "slow@example.com")
		time.Sleep(time.Second)
		start := time.Now()
		f.must(stop())
		if took := time.Since(start); took > 25*time.Second {
			t.Errorf("took %v", took)
		}
		if got := f.status("quick"); got != keys.Success {
			t.Errorf("the quick one is %s", got)
		}
		s := f.snapshot("slow")
		if !s.Task.LeasedUntil.IsZero() || !s.Task.InDoubt || s.Task.CountedAttempts != 1 || !s.Task.Open() {
			t.Errorf("the slow one is left as %+v", s.Task)
		}
	})
}

// TestFaultyPlanIsLogged checks that the line about a task that continues with its next plan has the outcome of the first
// plan, because nothing else in the log says why.
func TestFaultyPlanIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.addPlan("p", 1)
		f.addPlan("q", 1)
		f.importKeys("K")
		var log bytes.Buffer
		stop := f.run(simulator.Connector{}, func(p *worker.Pool) { p.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		f.upgrade("K", "plan_full@example.com")
		time.Sleep(time.Minute)
		f.must(stop())
		if line, _, _ := strings.Cut(log.String(), "\n"); !strings.Contains(line, "the task stays open") || !strings.Contains(line, "outcome=plan_full") {
			t.Errorf("logged %s", line)
		}
	})
}

// TestStopWithoutDrain checks that a stop that waits for nothing fails only if a task is in progress.
func TestStopWithoutDrain(t *testing.T) {
	for _, n := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t)
			f.addUpgrades(n)
			f.engine.Connector = connector(func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult {
				time.Sleep(time.Minute)
				return success
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
			defer cancel()
			if err := worker.New(f.engine).Run(ctx, 0); (err != nil) != (n > 0) {
				t.Errorf("%d tasks in progress: %v", n, err)
			}
			time.Sleep(time.Hour)
		})
	}
}

// TestTaskContinuesWhenItIsDue uses plans that are full. The task continues with the next plan
// immediately, without waiting for a poll.
func TestTaskContinuesWhenItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		for _, id := range []string{"p", "q", "r"} {
			f.addPlan(id, 1)
		}
		f.importKeys("K")
		stop := f.run(simulator.Connector{})
		synctest.Wait()
		f.upgrade("K", "plan_full@example.com")
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if got := f.status("K"); got != keys.FailedUpgrade {
			t.Errorf("the key is %s", got)
		}
		f.must(stop())
	})
}
