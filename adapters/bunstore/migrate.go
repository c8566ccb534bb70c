package bunstore

import (
	"context"
	"database/sql"
	"slices"
	"sync"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"
)

// Migrate brings the schema up to date: in one transaction, so that a process that dies leaves the old
// schema or the new one. A schema that is up to date is only read: a role without the right to create
// tables may call Migrate then, also on a standby. A store without [Options.Distributed] gets
// [ErrDistributed] where the tables are distributed. Many processes may call Migrate simultaneously: one
// works, the others wait for it.
func (s *Store) Migrate(ctx context.Context) error {
	err := s.suits(ctx)
	if err == nil {
		err = s.update(ctx)
	}
	return s.reader().tell("migrate", err)
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

// update runs the migrations that the database lacks.
func (s *Store) update(ctx context.Context) error {
	now, err := s.reader().schema(ctx)
	if err != nil || len(now.missing) == 0 {
		return err
	}
	if err := s.refuse(ctx, now); err != nil {
		return err
	}
	if s.embedded() {
		return s.write.RunInTx(ctx, nil, s.migrate)
	}
	return s.lacksRight(ctx, s.alonePostgres(ctx, s.migrate))
}

// migrate runs each missing migration and notes it. The schema is read again, because another process may
// have changed it.
func (s *Store) migrate(ctx context.Context, tx bun.Tx) error {
	_, err := tx.NewCreateTable().Model((*migrate.Migration)(nil)).ModelTableExpr(migrationTable).IfNotExists().Exec(ctx)
	if err != nil {
		return err
	}
	in := session{s.dialect, tx.Tx}
	now, err := in.schema(ctx)
	if err != nil {
		return err
	}
	for _, m := range now.missing {
		if !now.has(m) {
			if _, err := tx.Tx.ExecContext(ctx, m.sql); err != nil {
				return err
			}
		}
		const note = `INSERT INTO ` + migrationTable + ` (name, group_id) SELECT CAST(@name AS text), coalesce(max(group_id), 0) + 1 FROM ` + migrationTable
		if _, err := in.exec(ctx, note, args{"name": m.name}); err != nil {
			return err
		}
	}
	return nil
}

// has says whether the database has every table that the migration makes. An older version of keyseat
// noted a migration after it had committed it: if it died in between, the note is missing.
func (s schema) has(m migration) bool {
	made := m.makes()
	return len(made) > 0 && !slices.ContainsFunc(made, func(table string) bool { return !slices.Contains(s.tables, table) })
}

var migrating sync.Mutex

// alonePostgres runs do in a transaction that holds the one row of a table, as no other process can at
// the same time.
func (s *Store) alonePostgres(ctx context.Context, do func(ctx context.Context, tx bun.Tx) error) error {
	if err := s.makeLock(ctx); err != nil {
		return err
	}
	migrating.Lock() // or those who wait could hold all connections of a pool
	defer migrating.Unlock()
	// Who has waited must see what was committed meanwhile, whatever the database's default is.
	isolation := &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	return s.write.RunInTx(ctx, isolation, func(ctx context.Context, tx bun.Tx) error {
		for _, sql := range []string{
			`SET LOCAL idle_in_transaction_session_timeout = 0`,
			`SET LOCAL statement_timeout = 0`,
			`SET LOCAL lock_timeout = 0`,
			`SELECT one FROM keyseat_migrating FOR UPDATE`,
			`SET LOCAL lock_timeout = '2s'`, // or all who use a table would wait behind a migration that waits for it
		} {
			if _, err := tx.Tx.ExecContext(ctx, sql); err != nil {
				return err
			}
		}
		return do(ctx, tx)
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
