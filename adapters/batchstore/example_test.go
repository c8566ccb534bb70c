package batchstore_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/keyseat/keyseat/adapters/batchstore"
	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/keys"
)

// Callers use the store in the same way as the inner one. The number of callers that share a call depends on the
// load.
func Example() {
	var mu sync.Mutex
	calls, served := 0, 0
	store := batchstore.New(memory.New(time.Now), batchstore.Options{Observe: func(_ string, size int) {
		mu.Lock()
		defer mu.Unlock()
		calls, served = calls+1, served+size
	}})
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() { _, _ = store.Find(context.Background(), []keys.Code{"SOLD-1"}) })
	}
	callers.Wait()
	fmt.Println(served, "callers were served, by 8 calls at most:", calls <= 8)
	// Output: 8 callers were served, by 8 calls at most: true
}
