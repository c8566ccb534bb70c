package bunstore_test

import (
	"testing"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// TestAListReadsABoundedNumber checks that a page with few matches takes a bounded time, and that the pages still
// contain every match, forwards and back.
func TestAListReadsABoundedNumber(t *testing.T) {
	const n = 4500
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url, bunstore.Options{})
		if err := s.ImportKeys(t.Context(), imported(), func(yield func(keys.Key, error) bool) {
			for i := range n {
				if !yield(keys.Key{Code: code("K", i), Status: keys.Active, OrderID: "o", Revoked: i == 3 || i == n-1}, nil) {
					return
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
		filter := adminstore.KeyFilter{OrderID: new("o"), Revoked: new(true)}
		for _, p := range []adminstore.Page{
			{Order: adminstore.Oldest, Limit: 10},
			{Order: adminstore.Newest, Limit: 10},
			{Order: adminstore.Oldest, After: adminstore.Position{ID: "L"}, Back: true, Limit: 10},
		} {
			found, pages := 0, 0
			for {
				l, err := s.Keys(t.Context(), filter, p)
				if err != nil {
					t.Fatal(err)
				}
				found, pages = found+len(l.Entries), pages+1
				if p.After = l.Next; l.Next.IsZero() {
					break
				}
			}
			if found != 2 || pages != 3 {
				t.Errorf("%+v: %d keys on %d pages", p, found, pages)
			}
		}
	})
}
