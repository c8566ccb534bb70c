package bunstore

import (
	"context"
	"database/sql"
	"slices"
	"sync"

	"github.com/jackc/pgerrcode"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
)

// Migrate brings the schema up to date in one transaction. A process that dies in Migrate leaves
// either the old schema or the new one.
//
// Migrate only reads a schema that is up to date. A role without the right to create tables may call it
// then, also on a standby. A store without [Options.Distributed] gets [ErrDistributed] if the tables
// are distributed. Many processes may call Migrate simultaneously: one migrates, the others wait for it.
func (s *Store) Migrate(ctx context.Context) error {
	err := s.layout.checkTables(ctx, s.reader())
	if err == nil {
		err = s.applyMissing(ctx)
	}
	return s.wrap("migrate", err)
}

// ErrDistributed is the error of a store that was opened without [Options.Distributed] although its tables
// are distributed.
var ErrDistributed error = dberr.Public("the tables are distributed by Citus: the store must be opened for that (--database-distributed)")

// checkTables implements [layout]. It returns [ErrDistributed] if the tables are distributed.
func (oneServer) checkTables(ctx context.Context, s session) error {
	if s.isSQLite {
		return nil
	}
	tables, _, err := s.readDistribution(ctx)
	if err == nil && len(tables) > 0 {
		err = ErrDistributed
	}
	return err
}

// readDistribution returns the distributed tables of keyseat, and whether the database has Citus.
func (s session) readDistribution(ctx context.Context) (tables []string, citus bool, err error) {
	err = s.runOnce(ctx, `SELECT 1 WHERE to_regclass('pg_dist_partition') IS NOT NULL`, nil, func(query.Row) error {
		citus = true
		return nil
	})
	if err != nil || !citus {
		return nil, citus, err
	}
	err = s.runOnce(ctx, `SELECT CAST(c.relname AS text) FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid
		WHERE p.partmethod = 'h' AND c.oid = to_regclass(c.relname) AND c.relname LIKE 'keyseat%'`, nil, func(r query.Row) error {
		var name string
		err := r.Scan([]query.Column{query.Text(&name)})
		tables = append(tables, name)
		return err
	})
	return tables, citus, err
}

// applyMissing runs the migrations that the database lacks.
func (s *Store) applyMissing(ctx context.Context) error {
	now, err := s.reader().schema(ctx)
	if err != nil || len(now.missing) == 0 {
		return err
	}
	if err := s.checkMayMigrate(ctx, now); err != nil {
		return err
	}
	if s.isSQLite {
		return s.write.RunInTx(ctx, nil, s.migrate)
	}
	return s.explainDenied(ctx, s.withMigrationLock(ctx, s.migrate))
}

// migrate runs each missing migration and records it. It reads the schema again, because another
// process may have changed it.
func (s *Store) migrate(ctx context.Context, tx bun.Tx) error {
	_, err := tx.NewCreateTable().Model((*migrate.Migration)(nil)).ModelTableExpr(migrationTable).IfNotExists().Exec(ctx)
	if err != nil {
		return err
	}
	in := s.session(tx.Tx)
	now, err := in.schema(ctx)
	if err != nil {
		return err
	}
	for _, m := range now.missing {
		if !now.hasTablesOf(m) {
			if _, err := tx.Tx.ExecContext(ctx, m.sql); err != nil {
				return err
			}
		}
		const note = `INSERT INTO ` + migrationTable + ` (name, group_id) SELECT CAST(@name AS text), coalesce(max(group_id), 0) + 1 FROM ` + migrationTable
		if _, err := in.exec(ctx, note, query.Args{"name": m.name}); err != nil {
			return err
		}
	}
	return nil
}

// hasTablesOf reports whether the database has every table that the migration creates. An older version of
// keyseat committed a migration before it recorded it. If that process died in between, the record is missing.
func (s schema) hasTablesOf(m migration) bool {
	made := m.createdTables()
	return len(made) > 0 && !slices.ContainsFunc(made, func(table string) bool { return !slices.Contains(s.tables, table) })
}

var migrating sync.Mutex

// withMigrationLock runs do in a transaction that locks the only row of the table keyseat_migrating. Only one
// process can hold this lock.
func (s *Store) withMigrationLock(ctx context.Context, do func(ctx context.Context, tx bun.Tx) error) error {
	if err := s.createLockRow(ctx); err != nil {
		return err
	}
	migrating.Lock() // otherwise waiting goroutines could hold all connections of a pool
	defer migrating.Unlock()
	// A transaction that waited for the lock must see the commits of other transactions. The default
	// isolation level of the database may not allow that.
	isolation := &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	return s.write.RunInTx(ctx, isolation, func(ctx context.Context, tx bun.Tx) error {
		for _, sql := range []string{
			`SET LOCAL idle_in_transaction_session_timeout = 0`,
			`SET LOCAL statement_timeout = 0`,
			`SET LOCAL lock_timeout = 0`,
			`SELECT one FROM keyseat_migrating FOR UPDATE`,
			`SET LOCAL lock_timeout = '2s'`, // otherwise all users of a table would wait behind a waiting migration
		} {
			if _, err := tx.Tx.ExecContext(ctx, sql); err != nil {
				return err
			}
		}
		return do(ctx, tx)
	})
}

// createLockRow creates the table keyseat_migrating and its row. If two processes create the table
// simultaneously, Postgres returns an error to one of them, even with IF NOT EXISTS. That process
// finds the table on its next try.
func (s *Store) createLockRow(ctx context.Context) (err error) {
	for range maxTxRetries {
		_, err = s.write.DB.ExecContext(ctx, `
			CREATE TABLE IF NOT EXISTS keyseat_migrating (one boolean PRIMARY KEY CHECK (one));
			INSERT INTO keyseat_migrating VALUES (true) ON CONFLICT DO NOTHING`)
		switch dberr.SQLState(err) {
		// Another process created the row, the table, its type or its catalog entry.
		case pgerrcode.UniqueViolation, pgerrcode.DuplicateTable, pgerrcode.DuplicateObject, pgerrcode.InternalError:
		default:
			return err
		}
	}
	return err
}
