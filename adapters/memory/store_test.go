package memory_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/storetest"
)

// open makes a store whose clock never stands still, so that what comes later is later.
func open(testing.TB) storetest.Store {
	var ticks atomic.Int64
	return memory.New(func() time.Time {
		return time.Now().Add(time.Duration(ticks.Add(1)) * 10 * time.Microsecond)
	})
}

func TestStore(t *testing.T) { storetest.Run(t, open) }

// TestCompare runs the model against itself, which shows that the histories depend on nothing else.
func TestCompare(t *testing.T) { storetest.Compare(t, open, open) }
