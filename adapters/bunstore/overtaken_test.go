package bunstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/tasks"
)

// overtakes lists writes of another process. They happen after a change was decided, while the store applies
// it.
var overtakes = map[string]struct {
	sql  string
	want error
}{
	"the key":          {`UPDATE keyseat_keys SET version = version + 1`, tasks.ErrConflict},
	"the task":         {`UPDATE keyseat_tasks SET version = version + 1`, tasks.ErrConflict},
	"the task's fence": {`UPDATE keyseat_tasks SET fence = fence + 1`, tasks.ErrFenced},
}

// TestOvertakenChangeWritesNothing has another process write while a change waits for its lock. The change must
// then be refused and write nothing.
func TestOvertakenChangeWritesNothing(t *testing.T) {
	for what, other := range overtakes {
		t.Run(what, func(t *testing.T) {
			onPostgres(t, func(t *testing.T, url string) { overtaken(t, url, other.sql, other.want) })
		})
	}
}

func overtaken(t *testing.T, url, sql string, want error) {
	s, db := open(t, url, bunstore.Options{}), raw(t, url)
	fill(t, s, 1)
	apply(t, s, upgrades(t, s, 1)...)
	views, err := s.Lease(t.Context(), "w", 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
	verdict := make(chan error, 1)
	go func() {
		errs, err := s.Apply(t.Context(), []tasks.Change{success(views[0])})
		verdict <- errors.Join(append(errs, err)...)
	}()
	for !waitsForLock(t, db) {
		if len(verdict) > 0 {
			t.Fatalf("it has not waited: %v", <-verdict)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-verdict; !errors.Is(err, want) {
		t.Errorf("the verdict is %v, want %v", err, want)
	}
	if events, err := s.History(t.Context(), code("K", 0)); err != nil || len(events) != 2 {
		t.Errorf("the history is %v, %v", events, err)
	}
}
