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

// Restore replaces an SQLite database with a backup. It returns [ErrAlreadyServed] if a process serves the database.
//
// Restore copies the backup and verifies the copy before it replaces anything. It does not change the
// backup. It keeps the old database, with its log, and returns the new name of that file, or "" if no
// database existed. It leaves no log next to the new database, because SQLite would copy the pages of that
// log into it.
func Restore(ctx context.Context, backup, database string) (kept string, c Contents, err error) {
	if target, err := filepath.EvalSymlinks(database); err == nil {
		database = target
	}
	if c, err = verify(ctx, backup); err != nil {
		return "", c, fileError(backup, err)
	}
	lock, err := lockServing(ctx, database)
	if errors.Is(err, ErrAlreadyServed) {
		return "", c, fmt.Errorf("%s is served: stop the daemon first (%w)", database, err)
	}
	if err != nil {
		return "", c, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	err = withFileLock(ctx, database, migrateLock, func() error { // under this lock no other command opens the database
		kept, c, err = replace(ctx, backup, database)
		return err
	})
	return kept, c, err
}

// replace copies the backup to a file next to the database and renames the copy to the database.
func replace(ctx context.Context, backup, database string) (kept string, c Contents, err error) {
	mode, like, err := newFileRights(database)
	if err != nil {
		return "", c, err
	}
	err = writeNewFile(database, mode, func(temp *os.File) error {
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

// copySQLite copies a backup, with its log if it has one, into an empty file, and verifies the copy.
func copySQLite(ctx context.Context, backup, file string) (c Contents, err error) {
	db, err := openReadOnly(backup)
	if err != nil {
		return c, err
	}
	defer func() { _ = db.Close() }() // it was only read
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", file); err != nil {
		return c, fileError(backup, err)
	}
	c, err = verify(ctx, file)
	return c, fileError(backup, err)
}

// setAside gives the old database a second name, kept, and moves its log to that name. The path always names
// a database: first the old one, then the new one. No command opens the old one while it has two names.
func setAside(database string) (kept string, err error) {
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

// fileError adds the name of the file to an error of SQLite.
func fileError(file string, err error) error {
	return sqliteDialect(nil, file).wrap("restore", err)
}
