package bunstore

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	lib "modernc.org/sqlite/lib"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
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
		return nil, dberr.Public(err.Error())
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, dberr.Public(err.Error())
	}
	if n := linkCount(info); n > 1 {
		return nil, dberr.Public(fmt.Sprintf("%s has %d names (hard links), and two programs that open two of them destroy the database: "+
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
		return dberr.Public(f.path + " was moved or removed" + remedy)
	case err != nil:
		return dberr.Public(err.Error())
	case !os.SameFile(now, f.info):
		return dberr.Public("another file has replaced " + f.path + remedy)
	}
	return nil
}

// createFile creates a missing file that only its owner can read and write. SQLite gives the files next to it
// the same mode. If root creates the file, it gets the owner of its folder, because the service that owns
// the folder must be able to use it.
func createFile(path string) error {
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
	return dberr.Public(fmt.Sprintf("%s is missing, but its log %s%s is there and may hold accepted tasks: "+
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

// A disk holds the state of an SQLite file on its disk, for [Store.Ping].
type disk struct {
	file   atomic.Pointer[sqliteFile] // nil until the path is known
	failed atomic.Pointer[error]      // the last error of [disk.note]; nil after a successful probeWrite
}

// note stores err if it says that no write can succeed: the disk is full, broken or read-only.
func (d *disk) note(err error) {
	if d == nil {
		return
	}
	switch dberr.SQLiteCode(err) {
	case lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN:
		d.failed.Store(&err)
	}
}

// newFileRights returns the mode and the owner for a new file next to a database: those of the database. If the
// database does not exist, the new file is for the owner of the folder only.
func newFileRights(database string) (fs.FileMode, fs.FileInfo, error) {
	old, err := os.Stat(database)
	if errors.Is(err, fs.ErrNotExist) {
		folder, err := os.Stat(filepath.Dir(database))
		return 0o600, folder, err
	}
	if err != nil {
		return 0, nil, err
	}
	return old.Mode().Perm(), old, nil
}

// fileURI returns the URI of a file with the options v for opening it.
func fileURI(path string, v url.Values) string {
	path = strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(filepath.ToSlash(path))
	return "file:" + path + "?" + v.Encode()
}
