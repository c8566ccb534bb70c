package sqlitefile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/internal/safefile"
)

// The suffixes of two lock files next to an SQLite file. They have no content.
const (
	serveLock   = "-lock"    // the process that serves holds this lock
	migrateLock = "-migrate" // a process that enables WAL mode or restores a backup holds this lock
)

// Times for waiting for a lock.
const (
	lockPoll  = 10 * time.Millisecond  // between two tries
	serveWait = 300 * time.Millisecond // in all; longer than [isServed] holds the lock
)

// ErrServed is the error of a process that wants to serve an SQLite file that another daemon serves.
var ErrServed error = dberr.Public("another daemon serves this database")

// newLock returns a lock whose file is next to the database. A new file gets the database's owner and similar
// permissions. Otherwise a file that root has created would lock the service out.
func newLock(path, suffix string) (*flock.Flock, error) {
	mode, like, err := NewFileRights(path)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path+suffix, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		mode = mode&0o660 | 0o600 // a user that can read the file can hold the lock
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

// isServed reports whether a process serves a database. It returns false if it cannot use the lock
// file.
func isServed(path string) bool {
	lock, err := newLock(path, serveLock)
	if err != nil {
		return false
	}
	taken, err := lock.TryLock()
	if err != nil {
		return false
	}
	_ = lock.Unlock() // closing the file unlocks it too
	return !taken
}

// WithMigrateLock runs do while this process may enable WAL mode for a database or replace it. It waits for other
// processes that do so.
func WithMigrateLock(ctx context.Context, path string, do func() error) error {
	lock, err := newLock(path, migrateLock)
	if err != nil {
		return err
	}
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return err
	}
	defer func() { _ = lock.Unlock() }() // closing the file unlocks it too
	return do()
}
