package bunstore

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/sqlitefile"
)

// errNotSQLite is the error of a backup of PostgreSQL, which is not one file that can be copied.
const errNotSQLite = dberr.Public("PostgreSQL is backed up with pg_dump or continuous archiving")

// Backup writes a copy of an SQLite database, as it is at one moment, to a new file that only its owner can
// read. The daemon continues to serve requests. The copy holds no deleted content, because SQLite builds
// it row by row (VACUUM INTO). The copy is verified and on disk before it gets its name. If a file with
// that name exists, Backup returns [fs.ErrExist]. The log of the database grows until the copy is complete.
//
// progress is called about ten times a second. done is the size of the copy so far, and size is the
// size of the database, both in bytes. It may be nil.
func (s *Store) Backup(ctx context.Context, file string, progress func(done, size int64)) (c Contents, err error) {
	if !s.isSQLite {
		return c, errNotSQLite
	}
	if _, err := os.Lstat(file); err == nil {
		return c, fmt.Errorf("%s: %w", file, fs.ErrExist)
	}
	err = sqlitefile.WriteNew(file, 0o600, func(temp *os.File) error {
		stop := s.reportProgress(ctx, temp.Name(), progress)
		defer stop()
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
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-watching.Done():
				return
			case <-tick.C:
				if info, err := os.Stat(file); err == nil {
					progress(min(info.Size(), size), size)
				}
			}
		}
	}()
	return func() { end(); <-ended }
}
