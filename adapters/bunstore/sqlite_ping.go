package bunstore

import (
	"context"
	"strconv"
	"sync/atomic"

	lib "modernc.org/sqlite/lib"
)

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
	switch sqliteCode(err) {
	case lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN:
		d.failed.Store(&err)
	}
}

// pingSQLite returns an error in these cases:
//
//   - The file was moved, removed or replaced.
//   - The database does not answer.
//   - The last write failed, and a write that changes nothing fails too.
func (s *Store) pingSQLite(ctx context.Context) error {
	if file := s.disk.file.Load(); file != nil {
		if err := file.inPlace(); err != nil {
			return err
		}
	}
	if err := s.read.PingContext(ctx); err != nil {
		return err
	}
	failed := s.disk.failed.Load()
	if failed == nil {
		return nil
	}
	if s.probeWrite(ctx) != nil {
		return *failed
	}
	s.disk.failed.CompareAndSwap(failed, nil)
	return nil
}

// probeWrite makes a write that changes nothing: it sets the user version of the file to its present value.
func (s *Store) probeWrite(ctx context.Context) error {
	return s.transact(ctx, func(tx session) error {
		var version int
		err := tx.query(ctx, "PRAGMA user_version", nil, func(r row) error { return r(&version) })
		if err != nil {
			return err
		}
		_, err = tx.on.ExecContext(ctx, "PRAGMA user_version = "+strconv.Itoa(version))
		return err
	})
}
