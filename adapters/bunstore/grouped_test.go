package bunstore_test

import (
	"testing"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/group"
	"github.com/keyseat/keyseat/adapters/storetest"
	"github.com/keyseat/keyseat/tasks"
)

// grouped is a store whose hot side is grouped, as it is in the daemon.
type grouped struct {
	*group.Store
	tasks.Office
}

func TestStoreGrouped(t *testing.T) {
	for name, url := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t testing.TB) storetest.Store {
				s := open(t, url(t), bunstore.Options{})
				return grouped{group.New(s, group.Options{}), s}
			})
		})
	}
}
