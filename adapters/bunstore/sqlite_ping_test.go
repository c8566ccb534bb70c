package bunstore_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/stock"
)

// TestPingNoticesThatNoWriteSucceeds makes the writer unable to write for a while.
func TestPingNoticesThatNoWriteSucceeds(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "keyseat.db"), bunstore.Options{})
	set := func(pragma string) {
		t.Helper()
		if _, err := s.Pools()["write"].ExecContext(t.Context(), "PRAGMA "+pragma); err != nil {
			t.Fatal(err)
		}
	}
	fill(t, s, 1)
	changes := upgrades(t, s, 1)

	set("query_only = 1")
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("before a write has failed: %v", err)
	}
	if _, err := s.Apply(t.Context(), changes); err == nil {
		t.Fatal("it was written")
	}
	for range 2 {
		if err := s.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "READONLY") {
			t.Errorf("no write succeeds, and it says %v", err)
		}
	}
	set("query_only = 0")
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("writes succeed again, and it says %v", err)
	}

	set("max_page_count = 1") // SQLite then takes the present number of pages
	country, size := stock.Country("US"), 1
	var edits []stock.PlanEdit
	for i := range 5000 {
		edits = append(edits, stock.PlanEdit{ID: fmt.Sprint("plan", i), Country: &country, Size: &size})
	}
	if err := s.EditPlans(t.Context(), edits); err == nil {
		t.Fatal("it was written")
	}
	apply(t, s, changes...)
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("only what is large does not fit, and it says %v", err)
	}
}
