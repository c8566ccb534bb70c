package bunstore_test

import (
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/batchstore"
	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/storetest"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// batched is a store with batched calls of tasks.Store, as in the daemon.
type batched struct {
	*batchstore.Store
	adminstore.AdminStore
}

func TestStoreBatched(t *testing.T) {
	for name, url := range migrated {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t testing.TB) storetest.Store {
				s := open(t, url(t), bunstore.Options{})
				return batched{batchstore.New(s, batchstore.Options{}), s}
			})
		})
	}
}

// TestALockedRowStallsNobodyElse locks the row of a key. The other calls in the same batch must succeed, although
// one call waits for that lock.
func TestALockedRowStallsNobodyElse(t *testing.T) {
	onPostgres(t, func(t *testing.T, url string) {
		s := open(t, url, bunstore.Options{})
		fill(t, s, 4)
		holder, err := raw(t, url).BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = holder.Rollback() }()
		changes := upgrades(t, s, 4)
		if _, err := holder.ExecContext(t.Context(), "SELECT 1 FROM keyseat_keys WHERE code = $1 FOR UPDATE", string(changes[0].Code())); err != nil {
			t.Fatal(err)
		}
		store, start := batchstore.New(s, batchstore.Options{}), time.Now()
		done := make(chan error, len(changes))
		for _, c := range changes {
			go func() {
				verdicts, err := store.Apply(t.Context(), []tasks.Change{c})
				if err == nil {
					err = verdicts[0]
				}
				done <- err
			}()
		}
		failed := 0
		for range changes {
			if err := <-done; err != nil {
				failed++
			}
		}
		if took := time.Since(start); failed != 1 || took > 8*time.Second {
			t.Errorf("%d failed in %v", failed, took)
		}
	})
}
