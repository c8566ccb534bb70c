package bunstore

import (
	"context"
	"strconv"
	"sync/atomic"

	lib "modernc.org/sqlite/lib"
)

// A disk is what is known of the place where an SQLite file lies.
type disk struct {
	file   atomic.Pointer[sqliteFile] // nil until the path is known
	failed atomic.Pointer[error]      // of the last write that found no write possible
}

// note keeps err if it says that no write can succeed: the disk is full, broken or read-only.
func (d *disk) note(err error) {
	if d == nil {
		return
	}
	switch sqliteCode(err) {
	case lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN:
		d.failed.Store(&err)
	}
}

// pingSQLite reports why a request could not be served: another file stands in the place of this one, or
// the last write failed and a write that changes nothing fails too.
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

// probeWrite writes the user version that the file has already.
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
