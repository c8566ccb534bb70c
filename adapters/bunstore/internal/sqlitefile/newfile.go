package sqlitefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/keyseat/keyseat/internal/safefile"
)

// LinkNew gives a new file its name. It returns [fs.ErrExist] if a file with that name exists. Only on a
// file system without hard links it replaces that file.
func LinkNew(temp, file string) error {
	err := os.Link(temp, file) // unlike a rename it does not replace a file
	if err == nil || errors.Is(err, fs.ErrExist) {
		return errors.Join(err, os.Remove(temp))
	}
	return os.Rename(temp, file) // the file system has no hard links
}

// WriteNew creates a temporary file in the folder of file and calls write for it. When the content is on
// disk, it calls place, which gives the file its name. After an error the temporary file is removed.
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

// SetAside gives the old database a second name, kept, and moves its log to that name. The path always names
// a database: first the old one, then the new one. No command opens the old one while it has two names.
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

// NewFileRights returns the mode and the owner for a new file next to a database: those of the database. If the
// database does not exist, the new file is for the owner of the folder only.
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
