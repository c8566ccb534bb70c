//go:build unix

package safefile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lockPoll is the time between two attempts to lock a file.
const lockPoll = 10 * time.Millisecond

// OpenTemp opens a new file at path for [Write], and locks it until the caller calls unlock after Write. While another
// process has the lock, OpenTemp waits for up to the given time, and then returns [fs.ErrExist]. When a process dies,
// its lock ends. OpenTemp then overwrites the file that the dead process has left.
func OpenTemp(path string, wait time.Duration) (temp *os.File, unlock func(), err error) {
	for deadline := time.Now().Add(wait); ; time.Sleep(lockPoll) {
		lock, err := tryLock(path)
		switch {
		case err != nil:
			return nil, nil, err
		case lock != nil:
			return openLocked(lock, path)
		case time.Now().After(deadline):
			return nil, nil, &fs.PathError{Op: "lock", Path: path, Err: fs.ErrExist}
		}
	}
}

// openLocked opens the locked file once more, because [Write] closes temp before the rename, and the lock must last
// until after the rename.
func openLocked(lock *os.File, path string) (temp *os.File, unlock func(), err error) {
	unlock = func() { _ = lock.Close() } // Close loses nothing, because Overwrite flushes the zeros that it writes
	if err := Overwrite(lock); err != nil {
		unlock()
		return nil, nil, err
	}
	temp, err = os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		unlock()
	}
	return temp, unlock, err
}

// tryLock opens and locks the file at path. It returns nil if another process has the lock. A file of another user is
// an error, because that user may have it open.
func tryLock(path string) (*os.File, error) {
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	busy := errors.Is(err, unix.EWOULDBLOCK)
	if err == nil {
		busy, err = checkLocked(lock, path)
	}
	if err != nil || busy {
		_ = lock.Close()
		if busy {
			return nil, nil //nolint:nilnil // another process has the lock
		}
		return nil, &fs.PathError{Op: "lock", Path: path, Err: err}
	}
	return lock, nil
}

// checkLocked reports whether path no longer names the locked file, because the last owner of the lock has renamed it.
// The error is [fs.ErrExist] if the locked file belongs to another user or has a second hard link.
func checkLocked(lock *os.File, path string) (renamed bool, err error) {
	info, err := lock.Stat()
	if err != nil {
		return false, err
	}
	if now, err := os.Lstat(path); err != nil || !os.SameFile(info, now) {
		return true, nil //nolint:nilerr // the file is gone
	}
	if stat, known := info.Sys().(*syscall.Stat_t); known && int(stat.Uid) != os.Geteuid() || hasOtherNames(info) {
		return false, fs.ErrExist
	}
	return false, nil
}

// OpenReplaced opens a file that is about to be replaced, so that [Overwrite] can destroy its content afterwards. It
// returns nil if there is no file, or if the file has a second name.
func OpenReplaced(path string) (*os.File, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil //nolint:nilnil // there is no content
	case err != nil:
		return nil, err
	case hasOtherNames(info):
		return nil, nil //nolint:nilnil // the other name keeps the content
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrPermission) && os.Chmod(path, info.Mode().Perm()|0o200) == nil { // the file has mode 0400: its owner may change the mode, and then open it
		f, err = os.OpenFile(path, os.O_WRONLY, 0)
		_ = os.Chmod(path, info.Mode().Perm()) // as before; f stays writable. An error is unlikely, because the first change worked
	}
	return f, err
}
