package csvfile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// partStore is a store that refuses the nth call of EditPlans, or too many edits in one call.
type partStore struct {
	*memory.Store
	calls, failing int
	err            error
}

func (s *partStore) EditPlans(ctx context.Context, edits []stock.PlanEdit) error {
	if s.calls++; s.calls == s.failing {
		return s.err
	}
	if len(edits) > csvfile.MaxPlanEdits {
		return fmt.Errorf("%d edits take too long", len(edits))
	}
	return s.Store.EditPlans(ctx, edits)
}

// storePlans imports the lines of a file, and returns the number of stored plans and the text of the error.
func storePlans(t *testing.T, s csvfile.PlanStore, lines string) (int, string) {
	t.Helper()
	file := csvfile.New(strings.NewReader("id,country,slots\n" + lines))
	edits, err := file.Plans()
	if err != nil {
		t.Fatal(err)
	}
	done, err := file.StorePlans(t.Context(), s, edits, time.Now())
	if err == nil {
		return done.Stored, fmt.Sprint(done.Effects)
	}
	return done.Stored, err.Error()
}

// TestManyPlansAreStoredInParts imports more plans than one call of the store takes. The last call fails at first, and the
// second import of the same file continues.
func TestManyPlansAreStoredInParts(t *testing.T) {
	var lines strings.Builder
	for i := range 2*csvfile.MaxPlanEdits + 5 {
		fmt.Fprintf(&lines, "p%d,US,5\n", i)
	}
	s := &partStore{Store: memory.New(time.Now), failing: 3, err: errors.New("the database is away")}
	for _, want := range []string{
		"4000: the database is away; at least the first 4000 of 4005 plans are stored: import the same file again",
		"4005: map[new:5 unchanged:4000]",
		"4005: map[unchanged:4005]",
	} {
		if n, text := storePlans(t, s, lines.String()); fmt.Sprintf("%d: %s", n, text) != want {
			t.Errorf("%d: %s\nwant %s", n, text, want)
		}
	}
	s.calls, s.err = 0, adminstore.RowError{Row: 5, Err: stock.ErrPlan}
	if n, text := storePlans(t, s, lines.String()); n != 4000 || !strings.HasPrefix(text, "line 4006: "+stock.ErrPlan.Error()+"; at least") || !strings.HasSuffix(text, "correct the row, and import the file again") {
		t.Errorf("%d: %s", n, text)
	}
	s.calls, s.err = 0, adminstore.RowError{Err: stock.ErrPlan}
	if _, text := storePlans(t, s, lines.String()); strings.Contains(text, "line") {
		t.Errorf("an unknown row has the line %s", text)
	}
}

// TestAnInvalidPlanStoresNothing imports a file whose last row has fewer slots than its plan uses.
func TestAnInvalidPlanStoresNothing(t *testing.T) {
	s := &partStore{Store: memory.New(time.Now)}
	var lines strings.Builder
	for i := range csvfile.MaxPlanEdits + 5 {
		fmt.Fprintf(&lines, "p%d,US,5\n", i)
	}
	if n, text := storePlans(t, fullPlanStore{s}, lines.String()); n != 0 || !strings.HasPrefix(text, "line 2006: ") {
		t.Errorf("%d: %s", n, text)
	}
	if s.calls > 0 {
		t.Errorf("%d calls stored plans", s.calls)
	}
}

// fullPlanStore is a store whose last plan has six slots in use.
type fullPlanStore struct{ *partStore }

func (fullPlanStore) PlansByID(_ context.Context, ids []string) (all []stock.Plan, _ error) {
	for _, id := range ids {
		if id == fmt.Sprint("p", csvfile.MaxPlanEdits+4) {
			all = append(all, stock.Plan{ID: id, Seq: 1, Country: "US", Size: 6, Spent: 6})
		}
	}
	return all, nil
}
