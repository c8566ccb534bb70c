package bunstore

import (
	"context"
	"strconv"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/sqlitefile"
)

// pingSQLite returns an error in these cases:
//
//   - The file was moved, removed or replaced.
//   - The database does not answer.
//   - The last write failed, and a write that changes nothing fails too.
func (d *database) pingSQLite(ctx context.Context) error {
	if file := d.disk.File.Load(); file != nil {
		if err := file.InPlace(); err != nil {
			return err
		}
	}
	if err := d.read.PingContext(ctx); err != nil {
		return err
	}
	failed := d.disk.Failed.Load()
	if failed == nil {
		return nil
	}
	if d.probeWrite(ctx) != nil {
		return *failed
	}
	d.disk.Failed.CompareAndSwap(failed, nil)
	return nil
}

// probeWrite makes a write that changes nothing: it sets the user version of the file to its present value.
func (d *database) probeWrite(ctx context.Context) error {
	return d.transact(ctx, func(tx session) error {
		var version int
		err := tx.runOnce(ctx, "PRAGMA user_version", nil, func(r query.Row) error { return r(&version) })
		if err != nil {
			return err
		}
		_, err = tx.on.ExecContext(ctx, "PRAGMA user_version = "+strconv.Itoa(version))
		return err
	})
}

// filePath returns the path of the SQLite file. It returns an error for a database in memory and for a file with
// several names (hard links).
func (d *database) filePath(ctx context.Context) (path string, err error) {
	const own = `SELECT file FROM pragma_database_list WHERE name = 'main'`
	err = d.read.DB.QueryRowContext(ctx, own).Scan(&path)
	if err == nil && path == "" {
		err = dberr.Public("a database in memory has no file to lock")
	}
	if err != nil {
		return "", err
	}
	file, err := sqlitefile.Find(path)
	if err != nil {
		return "", err
	}
	d.disk.File.CompareAndSwap(nil, file) // [New] does not know the path
	return file.Path, nil
}
