package bunstore

import (
	"context"
	"time"

	"github.com/gofrs/flock"
)

// Beside an SQLite file stand two that are only ever locked.
const (
	serveLock   = "-lock"    // held by the process that serves
	migrateLock = "-migrate" // held for a moment by one that changes the schema
)

// Serve makes this process the one that serves the database, until release. An SQLite file has one:
// a second gets [ErrServed], and the first may at once lease what its predecessor had leased. A
// Postgres has any number, and Serve does nothing.
func (s *Store) Serve(ctx context.Context) (release func() error, err error) {
	if !s.embedded() {
		return func() error { return nil }, nil
	}
	path, err := s.file(ctx)
	if err != nil {
		return nil, s.reader().tell("serve", err)
	}
	lock := flock.New(path + serveLock)
	if taken, err := lock.TryLock(); err != nil {
		return nil, s.reader().tell("serve", err)
	} else if !taken {
		return nil, s.reader().tell("serve", ErrServed)
	}
	if err := s.endLeases(ctx); err != nil {
		_ = lock.Unlock() // the error that matters is the other
		return nil, s.reader().tell("serve", err)
	}
	return lock.Unlock, nil
}

// endLeases makes all leases run out.
func (s *Store) endLeases(ctx context.Context) error {
	return s.transact(ctx, func(tx session) error {
		_, err := tx.exec(ctx, `UPDATE keyseat_tasks SET leased_until = @now WHERE ended_at IS NULL AND leased_until IS NOT NULL`, nil)
		if err == nil {
			_, err = tx.exec(ctx, `UPDATE keyseat_mail SET leased_until = @now WHERE leased_until IS NOT NULL`, nil)
		}
		return err
	})
}

// file is the path of the SQLite file.
func (s *Store) file(ctx context.Context) (path string, err error) {
	const own = `SELECT file FROM pragma_database_list WHERE name = 'main'`
	err = s.read.DB.QueryRowContext(ctx, own).Scan(&path)
	if err == nil && path == "" {
		err = plainError("a database in memory has no file to lock")
	}
	return path, err
}

// locked runs do while this process holds the lock of a file.
func locked(ctx context.Context, path string, do func() error) error {
	lock := flock.New(path)
	if _, err := lock.TryLockContext(ctx, 10*time.Millisecond); err != nil {
		return err
	}
	defer func() { _ = lock.Unlock() }() // closing the file unlocks it too
	return do()
}
