package bunstore

import (
	"context"
	"embed"
	"io/fs"
	"sync"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"
)

//go:embed migrations
var migrations embed.FS

// Migrate brings the schema up to date. Of tables that are distributed only a store for such may do so:
// others get [ErrDistributed]. Any number of processes may do so at once: one works, the
// others wait for it and find nothing left to do.
func (s *Store) Migrate(ctx context.Context) error {
	exclusively := s.alonePostgres
	if s.embedded() {
		exclusively = s.aloneSQLite
	}
	return s.reader().tell("migrate", exclusively(ctx, func() error {
		if err := s.suits(ctx); err != nil {
			return err
		}
		return s.migrate(ctx)
	}))
}

// suits refuses tables that are distributed to a store that could not work with them.
func (s *Store) suits(ctx context.Context) error {
	if s.embedded() || s.sharded() {
		return nil
	}
	tables, _, err := s.distributed(ctx)
	if err == nil && len(tables) > 0 {
		err = ErrDistributed
	}
	return err
}

func (s *Store) migrate(ctx context.Context) error {
	folder := "migrations/postgres"
	if s.embedded() {
		folder = "migrations/sqlite"
	}
	files, err := fs.Sub(migrations, folder)
	if err != nil {
		return err
	}
	known := migrate.NewMigrations()
	if err := known.Discover(files); err != nil {
		return err
	}
	migrator := migrate.NewMigrator(s.write, known,
		migrate.WithTableName("keyseat_migrations"), migrate.WithLocksTableName("keyseat_migration_locks"),
		migrate.WithMarkAppliedOnSuccess(true)) // one that failed has not been applied
	if err := migrator.Init(ctx); err != nil {
		return err
	}
	_, err = migrator.Migrate(ctx)
	return err
}

func (s *Store) aloneSQLite(ctx context.Context, do func() error) error {
	path, err := s.file(ctx)
	if err != nil {
		return err
	}
	return locked(ctx, path+migrateLock, do)
}

var migrating sync.Mutex

// alonePostgres holds the one row of a table in a transaction while do works on other connections.
// bun's own lock outlives a process that dies, and it is not made without a race.
func (s *Store) alonePostgres(ctx context.Context, do func() error) error {
	if s.write.Stats().MaxOpenConnections == 1 {
		return plainError("a pool of one connection is too small")
	}
	if err := s.makeLock(ctx); err != nil {
		return err
	}
	migrating.Lock() // or all connections of a pool could be held by those who wait
	defer migrating.Unlock()
	return s.write.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		const hold = `SELECT one FROM keyseat_migrating FOR UPDATE`
		for _, sql := range []string{`SET LOCAL idle_in_transaction_session_timeout = 0`, `SET LOCAL lock_timeout = 0`, hold} {
			if _, err := tx.Tx.ExecContext(ctx, sql); err != nil {
				return err
			}
		}
		return do()
	})
}

// makeLock makes the table and its row. Postgres answers a race for the table with an error, even
// with IF NOT EXISTS; the loser finds it on the next try.
func (s *Store) makeLock(ctx context.Context) (err error) {
	for range reruns {
		_, err = s.write.DB.ExecContext(ctx, `
			CREATE TABLE IF NOT EXISTS keyseat_migrating (one boolean PRIMARY KEY CHECK (one));
			INSERT INTO keyseat_migrating VALUES (true) ON CONFLICT DO NOTHING`)
		switch sqlState(err) {
		case "23505", "42P07", "42710", "XX000": // lost the race for the row, the table, its type, its entry
		default:
			return err
		}
	}
	return err
}
