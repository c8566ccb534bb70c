package memory_test

import (
	"testing"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/storetest"
)

func open(testing.TB) storetest.Store { return memory.New(storetest.Clock()) }

func TestStore(t *testing.T) { storetest.Run(t, open) }

// TestCompare compares the model with itself, which shows that the histories depend on nothing else.
func TestCompare(t *testing.T) { storetest.Compare(t, open, open) }
