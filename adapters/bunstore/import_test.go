package bunstore_test

import (
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

func TestALargeImport(t *testing.T) {
	const n = 100_000 / racing
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url, bunstore.Options{})
		start := time.Now()
		if err := s.ImportKeys(t.Context(), imported(), someKeys("K", n)); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d keys in %v", n, time.Since(start))
		after := adminstore.Position{ID: string(code("K", n-2))}
		page, err := s.Keys(t.Context(), adminstore.KeyFilter{}, adminstore.Page{After: after, Limit: 10})
		if err != nil || len(page.Entries) != 1 || page.Entries[0].Key.Code != code("K", n-1) {
			t.Fatalf("the last page: %v, %v", page, err)
		}
		for _, at := range []int{1, 700, 1500, 2999} {
			wantFault(t, s, with(someKeys("L", 3000), at, "K00007"), at, adminstore.ErrExists)
			wantFault(t, s, with(someKeys("L", 3000), at, code("L", 0)), max(at, 2), adminstore.ErrExists)
		}
		after.ID = "L"
		if page, err := s.Keys(t.Context(), adminstore.KeyFilter{}, adminstore.Page{After: after, Limit: 1}); err != nil || len(page.Entries) > 0 {
			t.Fatalf("a failed import has left %v, %v", page, err)
		}
		fill(t, s, 0)
	})
}

// with inserts a code before the given row, counted from 1.
func with(all iter.Seq2[keys.Key, error], at int, c keys.Code) iter.Seq2[keys.Key, error] {
	return func(yield func(keys.Key, error) bool) {
		row := 0
		for k, err := range all {
			if row++; row == at && !yield(keys.Key{Code: c, Status: keys.Active}, nil) {
				return
			}
			if !yield(k, err) {
				return
			}
		}
	}
}

func wantFault(t *testing.T, s adminstore.AdminStore, all iter.Seq2[keys.Key, error], row int, cause error) {
	t.Helper()
	var fault adminstore.RowError
	err := s.ImportKeys(t.Context(), imported(), all)
	if !errors.As(err, &fault) || fault.Row != row || !errors.Is(fault.Err, cause) {
		t.Errorf("got %v, want row %d: %v", err, row, cause)
	}
}

func TestAnImportEndsWithTheErrorOfItsRows(t *testing.T) {
	torn := errors.New("line 3 has too few columns")
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url, bunstore.Options{})
		for range 2 {
			err := s.ImportKeys(t.Context(), imported(), func(yield func(keys.Key, error) bool) {
				for k, err := range someKeys("K", 700) {
					if !yield(k, err) {
						return
					}
				}
				yield(keys.Key{}, torn)
			})
			if !errors.Is(err, torn) {
				t.Fatal(err)
			}
		}
		if err := s.ImportKeys(t.Context(), imported(), someKeys("K", 700)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestManyPlansAtOnce(t *testing.T) {
	const n = 10_000 / racing
	country, size := stock.Country("US"), 5
	edits := make([]stock.PlanEdit, n)
	for i := range edits {
		edits[i] = stock.PlanEdit{ID: fmt.Sprint("plan", n-i), Country: &country, Size: &size}
	}
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url, bunstore.Options{})
		for range 2 { // new, and again
			start := time.Now()
			if err := s.EditPlans(t.Context(), edits); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d plans in %v", n, time.Since(start))
		}
		plans, err := s.Plans(t.Context(), 0, n+1)
		if err != nil || len(plans) != n || plans[0].ID != fmt.Sprint("plan", n) || plans[n-1].ID != "plan1" {
			t.Fatalf("%d plans, %v", len(plans), err)
		}
		var fault adminstore.RowError
		if err := s.EditPlans(t.Context(), append(edits[:2:2], stock.PlanEdit{ID: "none", Retire: true})); !errors.As(err, &fault) || fault.Row != 3 {
			t.Fatal(err)
		}
	})
}
