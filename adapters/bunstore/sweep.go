package bunstore

import (
	"context"
	"errors"
	"fmt"
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
	left  bool // by the process before
	dirty bool
	last  time.Time
}

// newSweep takes the log for one that holds secrets: the process before may have died before it truncated it.
func newSweep() *sweep { return &sweep{left: true} }

// due says whether it is time to truncate the log. It says so to one caller.
func (w *sweep) due(erased bool, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dirty = w.dirty || erased
	if w.left { // which counts for itself, or the first secret of this process would wait
		w.left, w.dirty = false, false
		return true
	}
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
	busy, err := s.truncate(ctx)
	if err != nil || busy {
		s.sweep.again()
	}
	return s.reader().tell("wipe the log", err)
}

// truncate hardly waits for readers, because all writes wait for it meanwhile: while somebody reads
// for long, the log is truncated another time.
func (s *Store) truncate(ctx context.Context) (busy bool, err error) {
	conn, err := s.write.DB.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }() // it goes back to its pool
	var usual, failed, pages, moved int
	if err := conn.QueryRowContext(ctx, "PRAGMA busy_timeout").Scan(&usual); err != nil {
		return false, err
	}
	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout = 50"); err != nil {
		return false, err
	}
	err = conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&failed, &pages, &moved)
	_, restored := conn.ExecContext(context.WithoutCancel(ctx), fmt.Sprintf("PRAGMA busy_timeout = %d", usual))
	return failed != 0, errors.Join(err, restored)
}
