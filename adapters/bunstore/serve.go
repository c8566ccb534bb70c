package bunstore

import "context"

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
	lock, err := lockServing(ctx, path)
	if err != nil {
		return nil, s.reader().tell("serve", err)
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

// file is the path of the SQLite file, which must be a file that only one name leads to.
func (s *Store) file(ctx context.Context) (path string, err error) {
	const own = `SELECT file FROM pragma_database_list WHERE name = 'main'`
	err = s.read.DB.QueryRowContext(ctx, own).Scan(&path)
	if err == nil && path == "" {
		err = plainError("a database in memory has no file to lock")
	}
	if err != nil {
		return "", err
	}
	file, err := findSQLite(path)
	if err != nil {
		return "", err
	}
	s.disk.file.CompareAndSwap(nil, file) // [New] does not know the path
	return file.path, nil
}
