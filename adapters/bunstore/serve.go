package bunstore

import (
	"context"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/sqlitefile"
)

// ErrAlreadyServed is the error of a process that wants to serve an SQLite file that another daemon serves.
var ErrAlreadyServed error = sqlitefile.ErrServed

// AcquireServeLock makes this process the server of an SQLite file until it calls release. A file has only one such
// process: a second one gets [ErrAlreadyServed]. AcquireServeLock also ends all leases of the previous process, so that this
// process can lease those tasks immediately.
//
// Any number of processes may serve a Postgres. There it does nothing.
func (s *Store) AcquireServeLock(ctx context.Context) (release func() error, err error) {
	if !s.isSQLite {
		return func() error { return nil }, nil
	}
	path, err := s.filePath(ctx)
	if err != nil {
		return nil, s.wrap("serve", err)
	}
	lock, err := sqlitefile.LockServing(ctx, path)
	if err != nil {
		return nil, s.wrap("serve", err)
	}
	if err := s.expireLeases(ctx); err != nil {
		_ = lock.Unlock() // the other error is more important
		return nil, s.wrap("serve", err)
	}
	return lock.Unlock, nil
}

// expireLeases makes all leases of tasks and queued deliveries expire now.
func (s *Store) expireLeases(ctx context.Context) error {
	return s.transact(ctx, func(tx session) error {
		_, err := tx.exec(ctx, `UPDATE keyseat_tasks SET leased_until = @now WHERE ended_at IS NULL AND leased_until IS NOT NULL`, nil)
		if err == nil {
			_, err = tx.exec(ctx, `UPDATE keyseat_mail SET leased_until = @now WHERE leased_until IS NOT NULL`, nil)
		}
		return err
	})
}
