package bunstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/batchstore"
	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/storetest"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// TestModel runs random histories on one store and on the model, and compares them. It empties the store
// before each history.
func TestModel(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s, db := open(t, url, bunstore.Options{}), raw(t, url)
		storetest.Compare(t,
			func(testing.TB) storetest.Store { return memory.New(storetest.Clock()) },
			func(t testing.TB) storetest.Store {
				for table := range strings.FieldsSeq("history tasks keys batches plans countries") {
					if _, err := db.ExecContext(t.Context(), "DELETE FROM keyseat_"+table); err != nil {
						t.Fatal(err)
					}
				}
				return s
			})
	})
}

func TestStats(t *testing.T) {
	for name, url := range reused {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.RunStats(t, func(t testing.TB) storetest.StatsStore { return open(t, url(t), bunstore.Options{}) })
		})
	}
}

func TestActivity(t *testing.T) {
	for name, url := range reused {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.RunActivity(t, func(t testing.TB) activity.Store { return open(t, url(t), bunstore.Options{}) })
		})
	}
}

// batched is a store with batched calls of tasks.Store, as in the daemon.
type batched struct {
	*batchstore.Store
	adminstore.AdminStore
}

func TestStoreBatched(t *testing.T) {
	for name, url := range reused {
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

// BenchmarkStore measures both databases. The temporary PostgreSQL runs without fsync, so the results show the
// cost of the statements, not the speed of a disk.
func BenchmarkStore(b *testing.B) {
	for name, url := range reused {
		b.Run(name, func(b *testing.B) {
			storetest.Bench(b, func(t testing.TB) storetest.Store { return open(t, url(t), bunstore.Options{}) })
		})
	}
}
