package bunstore_test

import (
	"testing"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/storetest"
)

// BenchmarkStore measures both databases. The temporary PostgreSQL runs without fsync, so the results show the
// cost of the statements, not the speed of a disk.
func BenchmarkStore(b *testing.B) {
	for name, url := range migrated {
		b.Run(name, func(b *testing.B) {
			storetest.Bench(b, func(t testing.TB) storetest.Store { return open(t, url(t), bunstore.Options{}) })
		})
	}
}
