package bunstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/storetest"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/archive"
)

func TestArchive(t *testing.T) {
	for name, url := range reused {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.RunArchive(t, func(t testing.TB) storetest.ArchiveStore { return open(t, url(t), bunstore.Options{}) })
		})
	}
}

// TestArchiveWaitsForNobody checks that Archive skips a key that another transaction has locked, and does not
// wait for it.
func TestArchiveWaitsForNobody(t *testing.T) {
	t.Parallel()
	url := withTables.URL(t)
	s := open(t, url, bunstore.Options{})
	fill(t, s, 2)
	tx, err := raw(t, url).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // the transaction has changed nothing
	if _, err := tx.ExecContext(t.Context(), `SELECT 1 FROM keyseat_keys WHERE code = 'K00000' FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	plan := func(i int) archive.Plan {
		summary := tasks.Event{At: time.Now(), Type: tasks.EventArchived, Code: code("K", i)}
		return archive.Plan{ID: id(), Code: summary.Code, Lines: 1, Summary: []tasks.Event{summary}}
	}
	var kept archive.Rows
	errs, err := s.Archive(t.Context(), []archive.Plan{plan(0), plan(1)}, func(p archive.Rows) error {
		kept = p
		return nil
	})
	if err != nil || !errors.Is(errs[0], tasks.ErrConflict) || errs[1] != nil || len(kept.Lines) != 1 {
		t.Errorf("%v, %v, kept %+v", errs, err, kept)
	}
}
