package bunstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/sqlitefile"
)

func openSQLite(ctx context.Context, path string, o Options) (*Store, error) {
	if o.Distributed {
		return nil, errNotPostgres
	}
	if path == "" || strings.HasPrefix(path, ":") {
		return nil, errors.New("sqlite: needs a file path, such as sqlite:keyseat.db")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := sqlitefile.Create(path); err != nil {
		return nil, sqliteDialect(nil, path).wrap("open", err)
	}
	file, err := sqlitefile.Find(path)
	if err == nil {
		err = sqlitefile.CheckLeftLog(ctx, file.Path)
	}
	if err != nil {
		return nil, sqliteDialect(nil, path).wrap("open", err)
	}
	path = file.Path
	connector, err := sqlite.NewConnector(dsn(path, o))
	if err != nil {
		return nil, sqliteDialect(nil, path).wrap("open", err)
	}
	read, write := newPool(connector, o.Conns), newPool(connector, 1)
	s := &Store{
		database: database{
			dialect: sqliteDialect(o.Now, path), layout: oneServer{}, read: read, write: write, stmts: newStmtCache(), disk: &sqlitefile.Disk{},
		},
		ownsDB: true, dedicated: o.Dedicated, wiper: newWALWiper(write.DB),
	}
	s.disk.File.Store(file)
	if o.Dedicated {
		err = s.checkDedicated(ctx) // before the first write
	}
	if err == nil {
		err = s.enableWAL(ctx, path)
	}
	if err != nil {
		return nil, errors.Join(s.wrap("open", err), write.Close(), read.Close())
	}
	return s, nil
}

// newPool returns a pool that has no connection yet.
func newPool(to driver.Connector, conns int) *bun.DB {
	db := sql.OpenDB(to)
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return bun.NewDB(db, sqlitedialect.New())
}

// dsn returns the data source name: the file and the settings of each connection. A transaction locks the
// database when it begins. Otherwise another process could write between the first read of a transaction
// and its first write, and the transaction would fail.
func dsn(path string, o Options) string {
	v := url.Values{}
	v.Set("_txlock", "immediate")
	v.Set("_busy_timeout", strconv.FormatInt(o.Busy.Milliseconds(), 10))
	v.Set("_synchronous", "FULL")
	v.Set("_foreign_keys", "on")
	v.Set("_pragma", "secure_delete(1)")
	return sqlitefile.URI(path, v)
}

// enableWAL switches the file to a write-ahead log, so that readers and the writer do not wait for each
// other. The file keeps this mode. Only one process at a time switches it, because SQLite returns an error
// if two do so simultaneously.
func (s *Store) enableWAL(ctx context.Context, path string) error {
	return sqlitefile.WithMigrateLock(ctx, path, func() error {
		var mode string
		if err := s.write.DB.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode); err != nil {
			return err
		}
		if mode != "wal" {
			return dberr.Public("SQLite WAL mode is not available on this file system: use a local disk")
		}
		return nil
	})
}
