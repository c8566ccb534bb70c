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

// hasModes reports whether the modes of files are real permissions.
const hasModes = true

// hasOtherNames reports whether the file may have a hard link in another folder.
func hasOtherNames(info fs.FileInfo) bool {
	stat, known := info.Sys().(*syscall.Stat_t)
	return !known || stat.Nlink != 1
}

// ChownLike gives f the owner and group of like, if this process runs as root. Without root the file already belongs
// to the user of this process. A service can therefore still use its file after root has replaced it.
func ChownLike(f *os.File, like fs.FileInfo) error {
	stat, known := like.Sys().(*syscall.Stat_t)
	if !known || os.Geteuid() != 0 {
		return nil
	}
	return f.Chown(int(stat.Uid), int(stat.Gid))
}

// SyncFolder makes the names in a folder durable, if the file system supports that.
func SyncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	err = folder.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, folder.Close())
}

// lockPoll is the time between two attempts to lock a file.
const lockPoll = 10 * time.Millisecond

// OpenTemp opens the new file path for [Write], and locks it until unlock is called after Write. While another process
// has the lock, OpenTemp waits for up to the given time, and then returns [fs.ErrExist]. When a process dies, its lock
// ends. OpenTemp then overwrites the file that this process has left.
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

// openLocked opens the locked file once more. Write closes temp before it renames the file, and the lock must last longer.
func openLocked(lock *os.File, path string) (temp *os.File, unlock func(), err error) {
	unlock = func() { _ = lock.Close() } // nothing was written with it
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

// tryLock opens and locks the file at path. It returns nil if another process has the lock. The file of another user
// could be open there, so it is an error.
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

// checkLocked reports whether path names another file by now, because the last owner of the lock has renamed it.
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
	if errors.Is(err, fs.ErrPermission) && os.Chmod(path, info.Mode().Perm()|0o200) == nil { // the owner's file of mode 0400
		return os.OpenFile(path, os.O_WRONLY, 0)
	}
	return f, err
}
