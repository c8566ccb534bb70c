package bunstore

import (
	"context"
	"sync"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// sweepEvery bounds how long an erased secret may lie in SQLite's write-ahead log while work goes on.
const sweepEvery = 5 * time.Second

// A sweep remembers whether SQLite's write-ahead log still holds secrets that were erased: the
// database overwrites what it deletes, its log keeps the old pages until it is truncated.
type sweep struct {
	mu    sync.Mutex
	dirty bool
	last  time.Time
}

// due says whether it is time to truncate the log. It says so to one caller.
func (w *sweep) due(erased bool, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dirty = w.dirty || erased
	if !w.dirty || now.Sub(w.last).Abs() < sweepEvery {
		return false
	}
	w.dirty, w.last = false, now
	return true
}

// again is for a log that could not be truncated.
func (w *sweep) again() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dirty = true
}

// erased is told of changes that were applied; it truncates the log from time to time. The polls for
// work call it too, so that the last secret goes.
func (s *Store) erased(ctx context.Context, changes []tasks.Change) {
	if s.sweep == nil {
		return
	}
	erased := false
	for _, c := range changes {
		erased = erased || c.Task != nil && !c.Task.Open()
	}
	if s.sweep.due(erased, time.Now()) {
		_ = s.wipe(ctx) // it is tried again
	}
}

// wipe truncates SQLite's write-ahead log.
func (s *Store) wipe(ctx context.Context) error {
	if s.sweep == nil {
		return nil
	}
	var busy, pages, moved int
	err := s.write.DB.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved)
	if err != nil || busy != 0 {
		s.sweep.again()
	}
	return s.reader().tell("wipe the log", err)
}
