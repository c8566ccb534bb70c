package bunstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A sqliteFile is the SQLite file of a store.
type sqliteFile struct {
	path string // without symbolic links
	info fs.FileInfo
}

// findSQLite returns the file at a path. It resolves symbolic links, because the files next to the database
// (log, locks, master keys) must have the same names for all processes.
//
// findSQLite returns an error for a file with several names (hard links). SQLite derives the name of the log
// from the name of the file. Two programs that use two names would have two logs and destroy the database.
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

// makeFile creates a missing file that only its owner can read and write. SQLite gives the files next to it
// the same mode. If root creates the file, it gets the owner of its folder, because the service that owns
// the folder must be able to use it.
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

// noLogAlone returns an error if the database is missing but its log exists. SQLite would delete the log
// when it creates a new database there.
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

// logSize returns the size in bytes of the write-ahead log next to a database. A missing log has size 0.
func logSize(path string) int64 {
	info, err := os.Stat(path + walSuffix)
	if err != nil {
		return 0
	}
	return info.Size()
}
