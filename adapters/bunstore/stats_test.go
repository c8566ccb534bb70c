package bunstore_test

import (
	"testing"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/storetest"
)

func TestStats(t *testing.T) {
	for name, url := range migrated {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.RunStats(t, func(t testing.TB) storetest.StatsStore { return open(t, url(t), bunstore.Options{}) })
		})
	}
}
