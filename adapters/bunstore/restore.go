package bunstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Restore puts a backup in the place of an SQLite database that nothing serves, else it returns [ErrServed].
// The backup is copied and the copy verified before anything is replaced; the backup itself is not changed.
// The old database is kept, with its log, under the name that is returned, "" if there was none. No log is
// left next to the new one, because SQLite would copy its pages into it.
func Restore(ctx context.Context, backup, database string) (kept string, c Contents, err error) {
	if target, err := filepath.EvalSymlinks(database); err == nil {
		database = target
	}
	if c, err = verify(ctx, backup); err != nil {
		return "", c, about(backup, err)
	}
	lock, err := lockServing(ctx, database)
	if errors.Is(err, ErrServed) {
		return "", c, fmt.Errorf("%s is served: stop the daemon first (%w)", database, err)
	}
	if err != nil {
		return "", c, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	err = locked(ctx, database, migrateLock, func() error { // nobody opens it meanwhile
		kept, c, err = replace(ctx, backup, database)
		return err
	})
	return kept, c, err
}

// replace copies the backup next to the database and puts the copy in its place.
func replace(ctx context.Context, backup, database string) (kept string, c Contents, err error) {
	mode, like, err := rights(database)
	if err != nil {
		return "", c, err
	}
	err = inNewFile(database, mode, func(temp *os.File) error {
		c, err = copySQLite(ctx, backup, temp.Name())
		return errors.Join(err, chownLike(temp, like))
	}, func(temp, _ string) error {
		if kept, err = setAside(database); err != nil {
			return err
		}
		return os.Rename(temp, database)
	})
	return kept, c, err
}

// rights are the mode and the owner of a file that goes with a database, or, if there is none yet, of the
// database itself: then only the owner of the folder may use it.
func rights(database string) (fs.FileMode, fs.FileInfo, error) {
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

// copySQLite copies a backup, with its log if it has one, into an empty file, and verifies the copy.
func copySQLite(ctx context.Context, backup, file string) (c Contents, err error) {
	db, err := openReadOnly(backup)
	if err != nil {
		return c, err
	}
	defer func() { _ = db.Close() }() // it was only read
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", file); err != nil {
		return c, about(backup, err)
	}
	c, err = verify(ctx, file)
	return c, about(backup, err)
}

// setAside gives the old database a second name, and moves its log there. At every moment the path has a
// database: the old one, which no command opens while it has two names, or the new one.
func setAside(database string) (kept string, err error) {
	kept = database + ".before-" + time.Now().UTC().Format("20060102T150405Z")
	err = os.Link(database, kept)
	if err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
		err = os.Rename(database, kept) // where a file has one name only
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

// about says which file an error of SQLite is about.
func about(file string, err error) error {
	return session{dialect: sqlite{path: file}}.tell("restore", err)
}
