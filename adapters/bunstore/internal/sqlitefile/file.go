// Package sqlitefile creates, checks, locks and replaces the file of an SQLite database and the files next to it:
//
//	keyseat.db              the database
//	keyseat.db-wal          its write-ahead log: until SQLite copies it into the database, only the log has the last writes
//	keyseat.db-shm          an index of the log
//	keyseat.db-lock         locked by the process that serves the database
//	keyseat.db-migrate      locked by a process that enables WAL mode or restores a backup
//	keyseat.db.master-key   the master keys of keyseatd; this package does not use them
//
// SQLite finds the log by its name alone. The next write damages the database in two cases:
//
//   - The log next to the database belongs to another database.
//   - Two programs open the database under different names, and so with two logs.
//
// In both cases the functions of this package return an error before the write.
package sqlitefile

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/internal/safefile"
)

// A File is the SQLite file of a store.
type File struct {
	Path string // without symbolic links
	info fs.FileInfo
}

// Find returns the file at a path. It resolves symbolic links, because the files next to the database
// (log, locks, master keys) must have the same names for all processes.
//
// Find returns an error for a file with several names (hard links). SQLite derives the name of the log
// from the name of the file. Two programs that use two names would have two logs and destroy the database.
// It also returns an error for a file that other users of the machine can read or write.
func Find(path string) (*File, error) {
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
	if err := safefile.CheckOthers(path, info); err != nil {
		return nil, dberr.Public(path + ": " + err.Error())
	}
	return &File{path, info}, nil
}

// InPlace returns an error if the path no longer names the file that was opened.
func (f *File) InPlace() error {
	const remedy = "; stop this daemon, which still uses the old file, and put the right file there"
	now, err := os.Stat(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return dberr.Public(f.Path + " was moved or removed" + remedy)
	case err != nil:
		return dberr.Public(err.Error())
	case !os.SameFile(now, f.info):
		return dberr.Public("another file has replaced " + f.Path + remedy)
	}
	return nil
}

// Create creates a missing file that only its owner can read and write. SQLite gives the files next to it the same
// mode. If root creates the file, the file gets the owner of its folder, which is the user of the service.
func Create(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && logSize(path) > 0 {
		// SQLite would delete the log when it creates a new database with this name.
		return dberr.Public(fmt.Sprintf("%s is missing, but its log %s%s is there and may hold accepted tasks: "+
			"put the database back, or run `keyseatd restore`", path, path, walSuffix))
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) { // O_EXCL does not follow a symbolic link, but this second call does
		if f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600); err == nil {
			err = f.Close()
		}
		return err
	}
	if err != nil {
		return err
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err == nil {
		err = safefile.ChownLike(f, folder)
	}
	return errors.Join(err, f.Close())
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

// A Disk records whether an SQLite file can be written, for the method Ping of bunstore.Store.
type Disk struct {
	File   atomic.Pointer[File]  // nil until the path is known
	Failed atomic.Pointer[error] // the last error of [Disk.Note]; nil after Ping has found that writes succeed again
}

// Note stores err if it means that no write can succeed: the disk is full, broken or read-only.
func (d *Disk) Note(err error) {
	if d == nil {
		return
	}
	switch dberr.SQLiteCode(err) {
	case lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN:
		d.Failed.Store(&err)
	}
}

// changeRoom is the number of bytes that [File.HasRoom] needs. A change writes less than that to the log.
const changeRoom = 64 << 10

// HasRoom returns an error if the disk of a file has no room for a change.
func (f *File) HasRoom() error {
	probe, err := os.CreateTemp(filepath.Dir(f.Path), ".keyseat-room-*")
	if err != nil {
		return err
	}
	_, err = probe.Write(make([]byte, changeRoom))
	return errors.Join(err, probe.Close(), os.Remove(probe.Name()))
}

// URI returns the URI with which SQLite opens a file. The values v become the query of the URI.
func URI(path string, v url.Values) string {
	path = strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(filepath.ToSlash(path))
	return "file:" + path + "?" + v.Encode()
}

// LinkNew gives a new file its name. It returns [fs.ErrExist] if a file with that name exists. On a file
// system without hard links it replaces that file.
func LinkNew(temp, file string) error {
	err := os.Link(temp, file) // unlike a rename, this does not replace a file
	if err == nil || errors.Is(err, fs.ErrExist) {
		return errors.Join(err, os.Remove(temp))
	}
	return os.Rename(temp, file) // the file system has no hard links
}

// WriteNew creates a temporary file in the folder of file and calls write for it. When the content is on disk, it calls
// place, which must give temp the name file. After an error the temporary file is removed.
func WriteNew(file string, mode fs.FileMode, write func(temp *os.File) error, place func(temp, file string) error) error {
	temp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.part")
	if err != nil {
		return err
	}
	return safefile.Write(temp, file, func(temp *os.File) error {
		if err := write(temp); err != nil {
			return err
		}
		return temp.Chmod(mode)
	}, place)
}

// SetAside gives the old database a second name, and renames its log accordingly. It returns the second name as kept,
// or "" if no database exists. The old database keeps its first name until the caller renames the new database to that
// name, except on a file system without hard links. The caller must hold the lock of [WithMigrateLock].
func SetAside(database string) (kept string, err error) {
	kept = database + ".before-" + time.Now().UTC().Format("20060102T150405Z")
	err = os.Link(database, kept)
	if err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
		err = os.Rename(database, kept) // this file system allows only one name for a file
	}
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return "", err
	}
	for _, err := range []error{os.Rename(database+walSuffix, kept+walSuffix), os.Remove(database + shmSuffix)} {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return kept, err
		}
	}
	if missing {
		kept = ""
	}
	return kept, nil
}

// NewFileRights returns the mode and the owner for a new file next to a database. They are those of the database. If
// the database does not exist, only the owner of the folder can use the new file.
func NewFileRights(database string) (fs.FileMode, fs.FileInfo, error) {
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
