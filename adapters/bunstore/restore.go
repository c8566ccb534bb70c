package bunstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/sqlitefile"
	"github.com/keyseat/keyseat/internal/safefile"
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
	lock, err := sqlitefile.LockServing(ctx, database)
	if errors.Is(err, ErrAlreadyServed) {
		return "", c, fmt.Errorf("%s is served: stop the daemon first (%w)", database, err)
	}
	if err != nil {
		return "", c, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	err = sqlitefile.WithMigrateLock(ctx, database, func() error { // under this lock no other command opens the database
		kept, c, err = replace(ctx, backup, database)
		return err
	})
	return kept, c, err
}

// replace copies the backup to a file next to the database and renames the copy to the database.
func replace(ctx context.Context, backup, database string) (kept string, c Contents, err error) {
	mode, like, err := sqlitefile.NewFileRights(database)
	if err != nil {
		return "", c, err
	}
	err = sqlitefile.WriteNew(database, mode, func(temp *os.File) error {
		c, err = copySQLite(ctx, backup, temp.Name())
		return errors.Join(err, safefile.ChownLike(temp, like))
	}, func(temp, _ string) error {
		if kept, err = sqlitefile.SetAside(database); err != nil {
			return err
		}
		return os.Rename(temp, database)
	})
	return kept, c, err
}

// copySQLite copies a backup, with its log if it has one, into an empty file, and verifies the copy.
func copySQLite(ctx context.Context, backup, file string) (c Contents, err error) {
	db, err := sqlitefile.OpenReadOnly(backup)
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

// fileError adds the name of the file to an error of SQLite.
func fileError(file string, err error) error {
	return sqliteDialect(nil, file).wrap("restore", err)
}
