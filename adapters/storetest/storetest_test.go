package storetest_test

import (
	"context"
	"flag"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/storetest"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

func open(testing.TB) storetest.Store { return memory.New(time.Now) }

// TestBenchRuns runs every benchmark once, because a failing benchmark measures nothing.
func TestBenchRuns(t *testing.T) {
	length := flag.Lookup("test.benchtime").Value.String()
	if err := flag.Set("test.benchtime", "1x"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := flag.Set("test.benchtime", length); err != nil {
			t.Error(err)
		}
	}()
	var failed bool
	result := testing.Benchmark(func(b *testing.B) {
		storetest.Bench(b, open)
		failed = b.Failed()
	})
	if failed || result.N == 0 {
		t.Errorf("the benchmarks have failed: %v", result)
	}
}

// A coarse store reads its clock once per call, so that leases of one call end at the same time.
type coarse struct {
	*memory.Store
	now *time.Time
}

func (c coarse) tick() { *c.now = c.now.Add(10 * time.Microsecond) }

func (c coarse) Snapshots(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	c.tick()
	return c.Store.Snapshots(ctx, codes)
}

func (c coarse) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	c.tick()
	return c.Store.Apply(ctx, changes)
}

func (c coarse) Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	c.tick()
	return c.Store.Lease(ctx, worker, n, ttl)
}

func (c coarse) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	c.tick()
	return c.Store.Extend(ctx, refs, ttl)
}

// TestCompareAcceptsAnyOrderAmongEquals compares a store whose leases of one call end at the same time with one
// whose leases do not.
func TestCompareAcceptsAnyOrderAmongEquals(t *testing.T) {
	storetest.Compare(t, func(testing.TB) storetest.Store { return memory.New(storetest.Clock()) }, func(testing.TB) storetest.Store {
		now := time.Now().UTC()
		return coarse{Store: memory.New(func() time.Time { return now }), now: &now}
	})
}

func BenchmarkMemory(b *testing.B) { storetest.Bench(b, open) }

// This is the whole test of a store. Its body is that of TestStore(t *testing.T) in the store's own package.
func Example() {
	testStore := func(t *testing.T) {
		mine := func(testing.TB) storetest.Store { return memory.New(time.Now) }  // an empty store under test
		model := func(testing.TB) storetest.Store { return memory.New(time.Now) } // an empty store to compare it with
		t.Run("contract", func(t *testing.T) { storetest.Run(t, mine) })
		t.Run("compare", func(t *testing.T) { storetest.Compare(t, model, mine) })
	}
	_ = testStore // go test runs it, an example cannot
}
