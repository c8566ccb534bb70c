package bunstore_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/storetest"
)

// TestModel runs one store, emptied in between, through random histories beside the model.
func TestModel(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s, db := open(t, url, bunstore.Options{}), raw(t, url)
		storetest.Compare(t,
			func(testing.TB) storetest.Store { return memory.New(ticking()) },
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

// ticking is a clock that never stands still, so that what the model does later is later.
func ticking() func() time.Time {
	var ticks atomic.Int64
	return func() time.Time { return time.Now().Add(time.Duration(ticks.Add(1)) * 10 * time.Microsecond) }
}
