package batchstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/adapters/batchstore"
	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/storetest"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// grouped is a store with both ports, of which batchstore wraps the [tasks.Store].
type grouped struct {
	*batchstore.Store
	tasks.AdminStore
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(testing.TB) storetest.Store {
		inner := memory.New(storetest.Clock())
		return grouped{batchstore.New(inner, batchstore.Options{}), inner}
	})
}

// slow is a store whose calls take a second. It counts them.
type slow struct {
	tasks.Store
	mu     sync.Mutex
	sizes  []int
	poison string // the id of a change with which each call fails
}

func (s *slow) call(size int) {
	s.mu.Lock()
	s.sizes = append(s.sizes, size)
	s.mu.Unlock()
	time.Sleep(time.Second) // by the clock of a synctest bubble
}

func (s *slow) Snapshots(_ context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	s.call(len(codes))
	views := make([]tasks.Snapshot, len(codes))
	for i, code := range codes {
		views[i].Key.Code = code
	}
	return views, nil
}

var errPoison = errors.New("the call failed")

func (s *slow) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	s.call(len(changes))
	verdicts := make([]error, len(changes))
	for i, c := range changes {
		if c.ID == s.poison {
			return nil, errPoison
		}
		if c.ID == "conflict" {
			verdicts[i] = tasks.ErrConflict
		}
	}
	return verdicts, ctx.Err()
}

func TestCallersShareWhatIsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, told := &slow{}, ""
		store := batchstore.New(inner, batchstore.Options{Reads: 1, Batch: 10, Observe: func(call string, size int) {
			told += fmt.Sprint(call, size, " ")
		}})
		var wg sync.WaitGroup
		for i := range 25 {
			wg.Go(func() {
				code := keys.Code(fmt.Sprint("K", i))
				views, err := store.Snapshots(t.Context(), []keys.Code{code})
				if err != nil || views[0].Key.Code != code {
					t.Errorf("%s: %v, %v", code, views, err)
				}
			})
			synctest.Wait()
		}
		start := time.Now()
		wg.Wait()
		if took := time.Since(start); took != 4*time.Second {
			t.Errorf("took %v", took)
		}
		if got := fmt.Sprint(inner.sizes); got != "[1 10 10 4]" {
			t.Errorf("calls of %s", got)
		}
		if told != "view1 view10 view10 view4 " {
			t.Errorf("told of %s", told)
		}
	})
}

// TestASlowReadHoldsNobodyUp checks that a second call starts when the first has taken 5 ms. It starts for requests
// from before and from after that moment. A third call does not start while both are under way.
func TestASlowReadHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, start := &slow{}, time.Now()
		store := batchstore.New(inner, batchstore.Options{Reads: 2})
		var wg sync.WaitGroup
		ask := func(at, want time.Duration) {
			wg.Go(func() {
				time.Sleep(at)
				_, err := store.Snapshots(t.Context(), []keys.Code{"K"})
				if took := time.Since(start); err != nil || took != want {
					t.Errorf("who asked at %v was answered at %v, %v", at, took, err)
				}
			})
		}
		const ms = time.Millisecond
		ask(0, 1000*ms)
		ask(1*ms, 1005*ms) // in a second call, because the first is slow by then
		ask(2*ms, 1005*ms) // in the second call
		ask(9*ms, 2000*ms) // after the first call
		ask(3000*ms, 4000*ms)
		ask(3007*ms, 4007*ms) // immediately
		wg.Wait()
		if got := fmt.Sprint(inner.sizes); got != "[1 2 1 1 1]" {
			t.Errorf("calls of %s", got)
		}
	})
}

func TestALoneCallerGoesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, start := batchstore.New(&slow{}, batchstore.Options{}), time.Now()
		_, err := store.Snapshots(t.Context(), []keys.Code{"K"})
		if took := time.Since(start); err != nil || took != time.Second {
			t.Errorf("took %v, %v", took, err)
		}
	})
}

func TestAPoisonedChangeSinksNoNeighbour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := batchstore.New(&slow{poison: "bad"}, batchstore.Options{})
		var wg sync.WaitGroup
		for _, id := range []string{"first", "good", "bad", "conflict", "fine"} {
			wg.Go(func() {
				verdicts, err := store.Apply(t.Context(), []tasks.Change{{ID: id, Key: &keys.Key{}}})
				if errors.Is(err, errPoison) != (id == "bad") {
					t.Errorf("%s: %v", id, err)
				}
				if err == nil && errors.Is(verdicts[0], tasks.ErrConflict) != (id == "conflict") {
					t.Errorf("%s: %v", id, verdicts)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
	})
}

func TestACallerMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &slow{}
		store := batchstore.New(inner, batchstore.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := store.Apply(ctx, []tasks.Change{{ID: "left", Key: &keys.Key{}}})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		verdicts, err := store.Apply(t.Context(), []tasks.Change{{ID: "next", Key: &keys.Key{}}})
		if err != nil || verdicts[0] != nil {
			t.Errorf("got %v, %v", verdicts, err)
		}
	})
}

// TestWhoLeavesIsToldSoon cancels callers of a slow call and callers whose requests wait for the next call. All
// return soon, and the next call does not include the cancelled requests.
func TestWhoLeavesIsToldSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, start := &slow{}, time.Now()
		store := batchstore.New(inner, batchstore.Options{})
		var wg sync.WaitGroup
		for i, patience := range []time.Duration{30 * time.Millisecond, time.Minute, 300 * time.Millisecond, time.Minute} {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			wg.Go(func() {
				_, err := store.Apply(ctx, []tasks.Change{{ID: fmt.Sprint(i), Key: &keys.Key{}}})
				took := time.Since(start)
				if patience < time.Minute && (!errors.Is(err, context.DeadlineExceeded) || took > patience+50*time.Millisecond) {
					t.Errorf("who would wait %v: %v after %v", patience, err, took)
				}
				if patience == time.Minute && err != nil {
					t.Errorf("who waited: %v", err)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		if got := fmt.Sprint(inner.sizes); got != "[1 2]" {
			t.Errorf("calls of %s", got)
		}
	})
}

// hung is a store whose calls return only when their context ends.
type hung struct{ slow }

func (*hung) Snapshots(ctx context.Context, _ []keys.Code) ([]tasks.Snapshot, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestALoneReaderKeepsToItsDeadline also makes a second request during the call, which is served afterwards.
func TestALoneReaderKeepsToItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := batchstore.New(&hung{}, batchstore.Options{Reads: 1, Bound: time.Second})
		start, second := time.Now(), make(chan error)
		for _, deadline := range []time.Duration{time.Minute, 3 * time.Second} { // the first deadline is later than the bound
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			go func() {
				_, err := store.Snapshots(ctx, []keys.Code{"K"})
				second <- err
			}()
			synctest.Wait()
		}
		for n := range 2 {
			err := <-second
			if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != time.Duration(n+1)*time.Second {
				t.Errorf("took %v, %v", took, err)
			}
		}
	})
}
