package bunstore_test

import (
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/storetest"
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
