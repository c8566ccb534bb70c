package storetest_test

import (
	"flag"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/storetest"
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
