package batch_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/internal/batch"
)

// double is a call that takes a second, fails for a negative item, and otherwise doubles its items.
func double(sizes *[]int) func(context.Context, []int) ([]int, error) {
	return func(_ context.Context, items []int) ([]int, error) {
		*sizes = append(*sizes, len(items))
		time.Sleep(time.Second)
		results := make([]int, len(items))
		for i, item := range items {
			if item < 0 {
				return nil, errors.New("negative")
			}
			results[i] = 2 * item
		}
		return results, nil
	}
}

func TestStartedItemsShareACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		b := &batch.Batcher[int, int]{Call: double(&sizes), MaxBatch: 3, MaxInFlight: 1, CallTimeout: time.Minute}
		var results []<-chan batch.Result[int]
		for item := range 6 {
			results = append(results, b.Start(t.Context(), item))
			synctest.Wait()
		}
		for item, done := range results {
			if r := <-done; r.Err != nil || r.Value[0] != 2*item {
				t.Errorf("%d: %v", item, r)
			}
		}
		if got := fmt.Sprint(sizes); got != "[1 3 2]" {
			t.Errorf("calls of %s items", got)
		}
	})
}

func TestFailedBatchIsRetriedIndividually(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		b := &batch.Batcher[int, int]{Call: double(&sizes), MaxBatch: 9, MaxInFlight: 1, CallTimeout: time.Minute, RetryIndividually: true}
		first := b.Start(t.Context(), 1)
		synctest.Wait()
		bad, good := b.Start(t.Context(), -1), b.Start(t.Context(), 2)
		if r := <-first; r.Err != nil {
			t.Error(r.Err)
		}
		if r := <-bad; r.Err == nil {
			t.Error("the negative item has a result")
		}
		if r := <-good; r.Err != nil || r.Value[0] != 4 {
			t.Error(r)
		}
	})
}

// TestDoReturnsWhenItsContextEnds also checks that the call goes on.
func TestDoReturnsWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		b := &batch.Batcher[int, int]{Call: double(&sizes), MaxBatch: 9, MaxInFlight: 1, CallTimeout: time.Minute}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := b.Do(ctx, 1); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 150*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if r := <-b.Start(t.Context(), 2); r.Err != nil || time.Since(start) != 2*time.Second {
			t.Errorf("%v after %v", r, time.Since(start))
		}
	})
}

// A pausedCtx is a context whose Deadline takes a while, like a goroutine that gets no processor.
type pausedCtx struct {
	context.Context
	pause time.Duration
}

func (c pausedCtx) Deadline() (time.Time, bool) {
	time.Sleep(c.pause)
	return c.Context.Deadline()
}

// TestInlineCallTakesOnlyItsOwnItem cancels a caller that is about to send its item inline. The slow call removes the
// item from the queue, and then another caller adds an item. That caller must get its result.
func TestInlineCallTakesOnlyItsOwnItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call := func(_ context.Context, items []int) ([]int, error) {
			time.Sleep(time.Second)
			return items, nil
		}
		b := &batch.Batcher[int, int]{Call: call, MaxBatch: 9, MaxInFlight: 2, CallTimeout: time.Minute, AllowInline: true}
		slow := b.Start(t.Context(), 1)
		time.Sleep(10 * time.Millisecond) // now the call is slow, so another one may start
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		ctx = pausedCtx{ctx, 100 * time.Millisecond}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := b.Do(ctx, 2); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the cancelled caller: %v", err)
			}
		})
		time.Sleep(80 * time.Millisecond)
		other := b.Start(t.Context(), 3)
		wg.Wait()
		select {
		case r := <-other:
			if r.Err != nil || r.Value[0] != 3 {
				t.Error(r)
			}
		case <-time.After(time.Minute):
			t.Error("the other item was lost")
		}
		<-slow
	})
}
