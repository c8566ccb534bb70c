package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	modernc "modernc.org/sqlite"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/internal/safefile"
)

// wipeInterval is the minimum time between two truncations of SQLite's write-ahead log. While the daemon polls for
// tasks, an erased secret stays in the log for at most about wipeInterval.
const wipeInterval = 5 * time.Second

// A WALWiper records whether SQLite's write-ahead log may still contain erased secrets. SQLite overwrites deleted data
// in the database file, but the log keeps the old pages until the log is truncated.
type WALWiper struct {
	db    *sql.DB // the pool of the writer
	mu    sync.Mutex
	left  bool      // the log may hold secrets that a previous process erased
	dirty bool      // the log may hold secrets that this process erased
	last  time.Time // when isDue last returned true because of dirty
}

// NewWALWiper returns a WALWiper for a log that may hold erased secrets, because the previous process may have crashed.
func NewWALWiper(db *sql.DB) *WALWiper { return &WALWiper{db: db, left: true} }

// WipeIfDue truncates the log if that is due. The argument erased is true if the caller has just erased a secret. Each
// poll for tasks calls it too, so that the last secret does not stay in the log. A nil WALWiper does nothing.
func (w *WALWiper) WipeIfDue(ctx context.Context, erased bool) {
	if w != nil && w.isDue(erased, time.Now()) {
		_ = w.Wipe(ctx) // a later call tries again
	}
}

// Wipe truncates the log. If that fails, a later call of WipeIfDue tries again. A nil WALWiper does nothing.
func (w *WALWiper) Wipe(ctx context.Context) error {
	if w == nil {
		return nil
	}
	busy, err := w.truncate(ctx)
	if err != nil || busy {
		w.mu.Lock()
		w.dirty = true
		w.mu.Unlock()
	}
	return err
}

// isDue reports whether the caller must truncate the log. Of several simultaneous callers only one gets true.
// The argument erased is true if the caller has just erased a secret.
func (w *WALWiper) isDue(erased bool, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dirty = w.dirty || erased
	if w.left { // w.last does not change, so that the first secret that this process erases is wiped immediately
		w.left, w.dirty = false, false
		return true
	}
	if !w.dirty || now.Sub(w.last).Abs() < wipeInterval {
		return false
	}
	w.dirty, w.last = false, now
	return true
}

// truncate truncates the log, and reports whether readers prevented it. It waits at most 50 ms for readers, because all
// writes wait for truncate. During a long read it does not truncate the log; a later call does.
func (w *WALWiper) truncate(ctx context.Context) (busy bool, err error) {
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }() // this returns the connection to its pool
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

// CheckLeftLog returns an error if the database was replaced while the log of the old one stayed next to it.
// SQLite would copy pages of the old database into the new one.
//
// CheckLeftLog checks only a database that no process serves and whose file was changed after its log. It reads the
// database together with the log, and returns an error if the result is damaged.
func CheckLeftLog(ctx context.Context, path string) error {
	changed, err := changedAt(path)
	log, logErr := os.Stat(path + walSuffix)
	if err != nil || logErr != nil || log.Size() == 0 || !changed.After(log.ModTime()) || isServed(path) {
		return nil
	}
	db, err := OpenReadOnly(path) // a connection that can write would copy the log into the database when it closes
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // the connection has only read
	damage, err := FindDamage(ctx, db)
	if err != nil || damage == "" {
		return ctx.Err() // any other error occurs again when the store uses the file
	}
	return dberr.Public(fmt.Sprintf("%s does not belong to the log %s%s (%s): the database was replaced and the log of the old one was left; "+
		"if %s is the right copy, remove %s%s and %s%s, else run `keyseatd restore`",
		path, path, walSuffix, damage, path, path, walSuffix, path, shmSuffix))
}

// OpenReadOnly opens a file without changing it. If no log is next to the file, the connection also does not lock the
// file, so that the file may be on a read-only medium.
func OpenReadOnly(file string) (*sql.DB, error) {
	v := url.Values{"mode": {"ro"}, "_busy_timeout": {"10000"}}
	if logSize(file) == 0 {
		v.Set("immutable", "1")
	}
	return sql.Open("sqlite", URI(file, v))
}

// FindDamage reads the whole file and returns the first fault that SQLite finds, or "". The text names tables and
// pages, but no stored values.
func FindDamage(ctx context.Context, db *sql.DB) (damage string, err error) {
	err = db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&damage)
	switch {
	case dberr.IsCorrupt(err):
		return modernc.ErrorCodeString[dberr.SQLiteCode(err)], nil
	case err != nil:
		return "", err
	case damage == "ok":
		return "", nil
	}
	return strings.Join(strings.Fields(damage), " "), nil
}

// The suffixes of two lock files next to an SQLite file. They have no content.
const (
	serveLock   = "-lock"    // the process that serves holds this lock
	migrateLock = "-migrate" // a process that enables WAL mode or restores a backup holds this lock
)

// The times of the wait for a lock.
const (
	lockPoll  = 10 * time.Millisecond  // the time between two tries
	serveWait = 300 * time.Millisecond // the whole wait; longer than the time for which [isServed] holds the lock
)

// ErrServed is the error of a process that wants to serve an SQLite file that another daemon serves.
var ErrServed error = dberr.Public("another daemon serves this database")

// newLock returns a lock whose file is next to the database. A new file gets the database's owner and similar
// permissions. Otherwise the service could not open a lock file that root has created.
func newLock(path, suffix string) (*flock.Flock, error) {
	mode, like, err := NewFileRights(path)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path+suffix, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		mode = mode&0o660 | 0o600 // other users get no access, because a process that can read the file can hold the lock
		err = errors.Join(f.Chmod(mode), safefile.ChownLike(f, like), f.Close())
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return flock.New(path + suffix), nil
}

// LockServing takes the lock of the process that serves a database. If another process holds it, LockServing
// waits up to 300 ms and then returns [ErrServed].
func LockServing(ctx context.Context, path string) (*flock.Flock, error) {
	lock, err := newLock(path, serveLock)
	if err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, serveWait)
	defer cancel()
	taken, err := lock.TryLockContext(wait, lockPoll)
	switch {
	case taken:
		return lock, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case wait.Err() != nil:
		return nil, ErrServed
	}
	return nil, err
}

// isServed reports whether a process serves a database. It returns false if it cannot use the lock file.
func isServed(path string) bool {
	lock, err := newLock(path, serveLock)
	if err != nil {
		return false
	}
	taken, err := lock.TryLock()
	if err != nil {
		return false
	}
	_ = lock.Unlock() // does not fail for a file that this process has locked
	return !taken
}

// WithMigrateLock runs do while this process holds the lock for enabling WAL mode or replacing the database. It waits
// for other processes that hold the lock.
func WithMigrateLock(ctx context.Context, path string, do func() error) error {
	lock, err := newLock(path, migrateLock)
	if err != nil {
		return err
	}
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return err
	}
	defer func() { _ = lock.Unlock() }() // does not fail for a file that this process has locked
	return do()
}
