package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// wipeInterval is the minimum time between two truncations of SQLite's write-ahead log. While tasks are polled,
// an erased secret stays in the log for about that time at most.
const wipeInterval = 5 * time.Second

// A walWiper records whether SQLite's write-ahead log may still contain erased secrets. The database file
// overwrites deleted data, but its log keeps the old pages until it is truncated.
type walWiper struct {
	db    *sql.DB // the pool of the writer
	mu    sync.Mutex
	left  bool      // the log may hold secrets that a previous process erased
	dirty bool      // the log may hold secrets that this process erased
	last  time.Time // the last time that isDue returned true because of dirty
}

// newWALWiper returns a walWiper for a log that may hold erased secrets, because the previous process may have died
// before it truncated the log.
func newWALWiper(db *sql.DB) *walWiper { return &walWiper{db: db, left: true} }

// isDue reports whether the caller must truncate the log. Of several simultaneous callers only one gets true.
// The argument erased says that the caller has just erased a secret.
func (w *walWiper) isDue(erased bool, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dirty = w.dirty || erased
	if w.left { // last stays as it is, so that the first secret of this process does not wait
		w.left, w.dirty = false, false
		return true
	}
	if !w.dirty || now.Sub(w.last).Abs() < wipeInterval {
		return false
	}
	w.dirty, w.last = false, now
	return true
}

// retryLater records that the log could not be truncated.
func (w *walWiper) retryLater() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dirty = true
}

// afterErase takes the changes that were applied and truncates the log if that is due. Polls call it without
// changes, so that the last secret is wiped too. A nil walWiper does nothing.
func (w *walWiper) afterErase(ctx context.Context, changes []tasks.Change) {
	if w == nil {
		return
	}
	erased := false
	for _, c := range changes {
		erased = erased || c.Task != nil && !c.Task.Open()
	}
	if w.isDue(erased, time.Now()) {
		_ = w.wipe(ctx) // a later call tries again
	}
}

// wipe truncates the log. If that fails or readers prevent it, a later call tries again. A nil walWiper does
// nothing.
func (w *walWiper) wipe(ctx context.Context) error {
	if w == nil {
		return nil
	}
	busy, err := w.truncate(ctx)
	if err != nil || busy {
		w.retryLater()
	}
	return err
}

// truncate truncates the log, and reports whether readers prevented it. It waits only 50 ms for readers, because
// all writes wait for it. During a long read the log is not truncated; a later call does it.
func (w *walWiper) truncate(ctx context.Context) (busy bool, err error) {
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }() // this returns it to its pool
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
