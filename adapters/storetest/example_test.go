package storetest_test

import (
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/storetest"
)

// mine returns an empty store, which is the store under test.
func mine(testing.TB) storetest.Store { return memory.New(time.Now) }

// model returns an empty store that is known to be correct.
func model(testing.TB) storetest.Store { return memory.New(time.Now) }

// This is the whole test of a store. Its body is that of TestStore(t *testing.T) in the store's own package.
func Example() {
	testStore := func(t *testing.T) {
		t.Run("contract", func(t *testing.T) { storetest.Run(t, mine) })
		t.Run("like the model", func(t *testing.T) { storetest.Compare(t, model, mine) })
	}
	_ = testStore // go test runs it, an example cannot
}
