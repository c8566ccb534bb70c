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
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// batched is a store with both ports. The package batchstore wraps only its [tasks.Store].
type batched struct {
	*batchstore.Store
	adminstore.AdminStore
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(testing.TB) storetest.Store {
		inner := memory.New(storetest.Clock())
		return batched{batchstore.New(inner, batchstore.Options{}), inner}
	})
}

// slowStore is a store whose calls take a second of a synctest bubble. It records their sizes.
type slowStore struct {
	tasks.Store
	mu        sync.Mutex
	sizes     []int
	failingID string // the id of a change with which each call fails
	away      keys.Code
}

func (s *slowStore) call(size int) {
	s.mu.Lock()
	s.sizes = append(s.sizes, size)
	s.mu.Unlock()
	time.Sleep(time.Second)
}

func (s *slowStore) Snapshots(_ context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	s.call(len(codes))
	snapshots := make([]tasks.Snapshot, len(codes))
	for i, code := range codes {
		if snapshots[i].Key.Code = code; code == s.away {
			return nil, errCall
		}
	}
	return snapshots, nil
}

func (s *slowStore) Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	snapshots, err := s.Snapshots(ctx, codes)
	found := make([]keys.Key, len(codes))
	for i := range snapshots {
		found[i] = snapshots[i].Key
	}
	return found, err
}

var errCall = errors.New("the call failed")

func (s *slowStore) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	s.call(len(changes))
	verdicts := make([]error, len(changes))
	for i, c := range changes {
		if c.ID == s.failingID {
			return nil, errCall
		}
		if c.ID == "conflict" {
			verdicts[i] = tasks.ErrConflict
		}
	}
	return verdicts, ctx.Err()
}

func TestQueuedRequestsShareACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, observed := &slowStore{}, ""
		store := batchstore.New(inner, batchstore.Options{MaxReads: 1, MaxBatch: 10, Observe: func(call string, size int) {
			observed += fmt.Sprint(call, size, " ")
		}})
		var wg sync.WaitGroup
		for i := range 25 {
			wg.Go(func() {
				code := keys.Code(fmt.Sprint("K", i))
				snapshots, err := store.Snapshots(t.Context(), []keys.Code{code})
				if err != nil || snapshots[0].Key.Code != code {
					t.Errorf("%s: %v, %v", code, snapshots, err)
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
		if observed != "view1 view10 view10 view4 " {
			t.Errorf("observed %s", observed)
		}
	})
}

// TestInvalidBoundsMeanTheDefaults checks that the store works with negative options.
func TestInvalidBoundsMeanTheDefaults(t *testing.T) {
	store := batchstore.New(memory.New(time.Now), batchstore.Options{MaxBatch: -1, MaxReads: -1, MaxWrites: -1, CallTimeout: -1})
	if _, err := store.Find(t.Context(), []keys.Code{"K"}); err != nil {
		t.Error(err)
	}
	verdicts, err := store.Apply(t.Context(), []tasks.Change{{ID: "c", Key: &keys.Key{Code: "K"}}})
	if err != nil || !errors.Is(verdicts[0], tasks.ErrConflict) { // there is no such key
		t.Error(verdicts, err)
	}
}

// TestSlowCallsDoNotBlockOthers checks that a second call starts when the first has taken 5 ms. It takes requests
// from before and from after that moment. A third call does not start while both run.
func TestSlowCallsDoNotBlockOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, start := &slowStore{}, time.Now()
		store := batchstore.New(inner, batchstore.Options{MaxReads: 2})
		var wg sync.WaitGroup
		callAt := func(at, want time.Duration) {
			wg.Go(func() {
				time.Sleep(at)
				_, err := store.Snapshots(t.Context(), []keys.Code{"K"})
				if took := time.Since(start); err != nil || took != want {
					t.Errorf("the call at %v returned at %v, %v", at, took, err)
				}
			})
		}
		const ms = time.Millisecond
		callAt(0, 1000*ms)
		callAt(1*ms, 1005*ms) // in a second call, because the first is slow by then
		callAt(2*ms, 1005*ms) // in the second call
		callAt(9*ms, 2000*ms) // after the first call
		callAt(3000*ms, 4000*ms)
		callAt(3007*ms, 4007*ms) // immediately
		wg.Wait()
		if got := fmt.Sprint(inner.sizes); got != "[1 2 1 1 1]" {
			t.Errorf("calls of %s", got)
		}
	})
}

func TestAFailingChangeDoesNotFailItsBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := batchstore.New(&slowStore{failingID: "bad"}, batchstore.Options{})
		var wg sync.WaitGroup
		for _, id := range []string{"first", "good", "bad", "conflict", "fine"} {
			wg.Go(func() {
				verdicts, err := store.Apply(t.Context(), []tasks.Change{{ID: id, Key: &keys.Key{}}})
				if errors.Is(err, errCall) != (id == "bad") {
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

// TestReadsOfOtherServersSucceed fails each call with a certain key, as a store on several servers does while the server
// of that key is away. With RetryReads the other callers of the same call get their keys. A caller whose context has
// ended does not delay them.
func TestReadsOfOtherServersSucceed(t *testing.T) {
	snapshot := func(ctx context.Context, s *batchstore.Store, codes []keys.Code) error {
		_, err := s.Snapshots(ctx, codes)
		return err
	}
	find := func(ctx context.Context, s *batchstore.Store, codes []keys.Code) error {
		_, err := s.Find(ctx, codes)
		return err
	}
	for _, read := range []func(context.Context, *batchstore.Store, []keys.Code) error{snapshot, find} {
		for retry, want := range map[bool]string{true: "[1 4 1 1 1]", false: "[1 4]"} {
			synctest.Test(t, func(t *testing.T) {
				inner := &slowStore{away: "away"}
				store := batchstore.New(inner, batchstore.Options{RetryReads: retry, MaxReads: 1})
				var wg sync.WaitGroup
				for i, code := range []keys.Code{"first", "good", "away", "gone", "fine"} {
					timeout := time.Minute
					if code == "gone" {
						timeout = 1500 * time.Millisecond
					}
					ctx, cancel := context.WithTimeout(t.Context(), timeout)
					defer cancel()
					wg.Go(func() {
						err := read(ctx, store, []keys.Code{code})
						if failed := code == "away" || code == "gone" || !retry && i > 0; (err != nil) != failed {
							t.Errorf("retry %t, %s: %v", retry, code, err)
						}
					})
					synctest.Wait()
				}
				wg.Wait()
				if got := fmt.Sprint(inner.sizes); got != want {
					t.Errorf("retry %t: calls of %s", retry, got)
				}
			})
		}
	}
}

// TestCancelledCallersReturnWithin50ms cancels callers of a slow call, and callers whose requests wait for the next
// call. The next call does not include the cancelled requests.
func TestCancelledCallersReturnWithin50ms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, start := &slowStore{}, time.Now()
		store := batchstore.New(inner, batchstore.Options{})
		var wg sync.WaitGroup
		for i, timeout := range []time.Duration{30 * time.Millisecond, time.Minute, 300 * time.Millisecond, time.Minute} {
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			wg.Go(func() {
				_, err := store.Apply(ctx, []tasks.Change{{ID: fmt.Sprint(i), Key: &keys.Key{}}})
				took := time.Since(start)
				if timeout < time.Minute && (!errors.Is(err, context.DeadlineExceeded) || took > timeout+50*time.Millisecond) {
					t.Errorf("timeout %v: %v after %v", timeout, err, took)
				}
				if timeout == time.Minute && err != nil {
					t.Errorf("timeout %v: %v", timeout, err)
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

// hungStore is a store whose calls return only when their context ends.
type hungStore struct{ slowStore }

func (*hungStore) Snapshots(ctx context.Context, _ []keys.Code) ([]tasks.Snapshot, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestCallsEndAtTheirTimeout checks the timeout of a call, and of a further call for the request that was queued. A
// request with a deadline runs inline. Then the call ends at the deadline if that is earlier.
func TestCallsEndAtTheirTimeout(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{
		0: time.Second, time.Minute: time.Second, 400 * time.Millisecond: 400 * time.Millisecond,
	} {
		synctest.Test(t, func(t *testing.T) {
			store := batchstore.New(&hungStore{}, batchstore.Options{MaxReads: 1, CallTimeout: time.Second})
			ctx, start, results := t.Context(), time.Now(), make(chan error)
			if timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, timeout)
				defer cancel()
			}
			for _, ctx := range []context.Context{ctx, t.Context()} {
				go func() {
					_, err := store.Snapshots(ctx, []keys.Code{"K"})
					results <- err
				}()
				synctest.Wait()
			}
			for _, want := range []time.Duration{want, want + time.Second} {
				err := <-results
				if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != want {
					t.Errorf("timeout %v: took %v, %v", timeout, took, err)
				}
			}
		})
	}
}
