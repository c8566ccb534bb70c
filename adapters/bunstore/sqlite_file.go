package bunstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A sqliteFile is the file that a store has open.
type sqliteFile struct {
	path string // with no symbolic link in it
	info fs.FileInfo
}

// findSQLite returns the file at a path. Its symbolic links are resolved, because what stands next to the
// file (log, locks, master keys) must have one name for everybody.
//
// A file with several names (hard links) is refused. SQLite names its log after the file, so two programs
// that use two names would each keep a log of their own and destroy the database.
func findSQLite(path string) (*sqliteFile, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, plainError(err.Error())
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, plainError(err.Error())
	}
	if n := linkCount(info); n > 1 {
		return nil, plainError(fmt.Sprintf("%s has %d names (hard links), and two programs that open two of them destroy the database: "+
			"remove the other names (find them with: find / -xdev -samefile %s)", path, n, path))
	}
	return &sqliteFile{path, info}, nil
}

// inPlace reports an error if the path no longer names the file that was opened.
func (f *sqliteFile) inPlace() error {
	const remedy = "; stop this daemon, which still uses the old file, and put the right file there"
	now, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return plainError(f.path + " was moved or removed" + remedy)
	case err != nil:
		return plainError(err.Error())
	case !os.SameFile(now, f.info):
		return plainError("another file has replaced " + f.path + remedy)
	}
	return nil
}

// makeFile makes a file that only its owner can read, if there is none. SQLite gives the files next to it the
// same mode. A file that root makes gets the owner of its folder, because a service that has the folder
// must be able to use it.
func makeFile(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := noLogAlone(path); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) { // O_EXCL follows no symbolic link
		f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		return errors.Join(err, closeIf(f))
	}
	if err != nil {
		return err
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err == nil {
		err = chownLike(f, folder)
	}
	return errors.Join(err, f.Close())
}

func closeIf(f *os.File) error {
	if f == nil {
		return nil
	}
	return f.Close()
}

// noLogAlone refuses to make a database next to the log of one that is missing, because SQLite would delete
// the log.
func noLogAlone(path string) error {
	if logSize(path) == 0 {
		return nil
	}
	return plainError(fmt.Sprintf("%s is missing, but its log %s%s is there and may hold accepted tasks: "+
		"put the database back, or run `keyseatd restore`", path, path, walSuffix))
}

// The suffixes of the files that SQLite keeps next to a database.
const (
	walSuffix = "-wal"
	shmSuffix = "-shm"
)

// logSize returns the size of the write-ahead log next to a database, 0 if there is none.
func logSize(path string) int64 {
	info, err := os.Stat(path + walSuffix)
	if err != nil {
		return 0
	}
	return info.Size()
}
