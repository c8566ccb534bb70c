package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/sqlitefile"
	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/internal/safefile"
)

// errNotSQLite refuses to back up PostgreSQL, whose database is many files.
const errNotSQLite = dberr.Public("PostgreSQL is backed up with pg_dump or continuous archiving")

// Backup writes a copy of an SQLite database, as it is at one moment, to a new file that only its owner can read. The
// daemon continues to serve requests. The copy holds no deleted content, because SQLite builds it row by row (VACUUM
// INTO). Backup verifies the copy and flushes it to disk before the copy gets its name. If a file with that name
// exists, Backup returns [fs.ErrExist]. The write-ahead log of the database grows until the copy is complete.
//
// If progress is not nil, Backup calls it about ten times a second with two numbers of bytes: the size of the copy so
// far (done) and the size of the database.
func (s *Store) Backup(ctx context.Context, file string, progress func(done, size int64)) (c Contents, err error) {
	if !s.isSQLite {
		return c, errNotSQLite
	}
	if _, err := os.Lstat(file); err == nil {
		return c, fmt.Errorf("%s: %w", file, fs.ErrExist)
	}
	err = sqlitefile.WriteNew(file, 0o600, func(temp *os.File) error {
		defer s.reportProgress(ctx, temp.Name(), progress)()
		if _, err := s.read.DB.ExecContext(ctx, "VACUUM INTO ?", temp.Name()); err != nil {
			return s.wrap("backup", err)
		}
		c, err = verify(ctx, temp.Name())
		return s.wrap("backup", err)
	}, sqlitefile.LinkNew)
	return c, err
}

// reportProgress calls progress about ten times a second with the size of the file, until stop is called.
func (s *Store) reportProgress(ctx context.Context, file string, progress func(done, size int64)) (stop func()) {
	if progress == nil {
		return func() {}
	}
	var size int64
	const whole = `SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`
	if err := s.read.DB.QueryRowContext(ctx, whole).Scan(&size); err != nil {
		return func() {} // Backup gets the same error and returns it
	}
	watching, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for clock.Sleep(watching, 100*time.Millisecond) == nil {
			if info, err := os.Stat(file); err == nil {
				progress(min(info.Size(), size), size)
			}
		}
	}()
	return func() { end(); <-ended }
}

// Restore replaces an SQLite database with a backup. It returns [ErrAlreadyServed] if a process serves the database.
//
// Restore copies the backup and verifies the copy before it replaces anything. It does not change the backup. It
// renames the old database and its log, and returns the new name of the old database as kept, or "" if no database
// existed. It leaves no old log next to the new database, because SQLite would copy that log into the new database.
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
	defer func() { _ = db.Close() }() // the connection has only read
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

// Contents describe a backup.
type Contents struct {
	Keys int64
	Open int64 // the number of open tasks
	Size int64 // the size of the file, in bytes
}

// verify reads a whole file. It returns an error for a file that is damaged, of another program or of a newer keyseat.
func verify(ctx context.Context, file string) (c Contents, err error) {
	if _, err := os.Stat(file); err != nil {
		return c, dberr.Public(err.Error())
	}
	db, err := sqlitefile.OpenReadOnly(file)
	if err != nil {
		return c, err
	}
	defer func() { _ = db.Close() }() // the connection has only read
	damage, err := sqlitefile.FindDamage(ctx, db)
	if err == nil && damage != "" {
		err = dberr.Public("the file is damaged: " + damage)
	}
	if err == nil {
		err = checkSchema(ctx, db)
	}
	if err != nil {
		return c, err
	}
	const count = `SELECT (SELECT count(*) FROM keyseat_keys), (SELECT count(*) FROM keyseat_tasks WHERE ended_at IS NULL),
		page_count * page_size FROM pragma_page_count, pragma_page_size`
	return c, db.QueryRowContext(ctx, count).Scan(&c.Keys, &c.Open, &c.Size)
}

func checkSchema(ctx context.Context, db *sql.DB) error {
	now, err := session{dialect: sqliteDialect(time.Now, ""), layout: oneServer{}, on: db}.schema(ctx)
	if err == nil && (len(now.applied) == 0 || !slices.Contains(now.tables, "keyseat_keys")) {
		err = dberr.Public("it is no database of keyseat")
	}
	if refused, is := errors.AsType[dberr.Refusal](err); is {
		err = dberr.Public(refused) // without the name of the file, because the caller adds the name
	}
	return err
}
