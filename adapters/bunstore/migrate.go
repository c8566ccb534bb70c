package bunstore

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgerrcode"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/migrate"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
)

// Migrate brings the schema up to date in one transaction. A crash leaves the old schema or the new one.
//
// If the schema is up to date, Migrate only reads it. Then Migrate also succeeds on a standby, and for a role that may
// not create tables. A store without [Options.Distributed] gets [ErrDistributed] if the tables are distributed. Many
// processes may call Migrate simultaneously: one process migrates, and the others wait for it.
func (s *Store) Migrate(ctx context.Context) error {
	err := s.reader().checkTables(ctx)
	if err == nil {
		err = s.applyMissing(ctx)
	}
	return s.wrap("migrate", err)
}

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

// migrate runs and records the migrations that are still missing, because another process may have run some.
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
		if !now.has(m) {
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

// has reports whether the database has every table and column that the migration adds. Then the migration must not run
// again. Its record may be missing if a process of an older version died before it wrote the record.
func (s schema) has(m migration) bool {
	there := slices.Concat(s.tables, s.columns)
	made := m.additions()
	return len(made) > 0 && !slices.ContainsFunc(made, func(name string) bool { return !slices.Contains(there, name) })
}

var migrating sync.Mutex

// withMigrationLock runs do in a transaction that locks the only row of keyseat_migrating. Other processes wait.
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
			noTimeouts,
			`SELECT one FROM keyseat_migrating FOR UPDATE`,
			`SET LOCAL lock_timeout = '2s'`, // otherwise a migration that waits for a table would make all other users of the table wait too
		} {
			if _, err := tx.Tx.ExecContext(ctx, sql); err != nil {
				return err
			}
		}
		return do(ctx, tx)
	})
}

// createLockRow creates the table keyseat_migrating and its row. If two processes create the table simultaneously,
// Postgres returns an error to one of them, even with IF NOT EXISTS. That process finds the table on its next try.
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

// checkMayMigrate returns the reason why this connection cannot migrate a schema that is not up to date, or nil if it
// can.
func (s *Store) checkMayMigrate(ctx context.Context, now schema) error {
	if err := s.checkNotForeign(ctx, now); err != nil || s.isSQLite {
		return err
	}
	u, err := s.currentRole(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, m := range now.missing {
		names = append(names, m.name)
	}
	switch lacks := "the schema lacks " + strings.Join(names, ", "); {
	case u.readOnly:
		return dberr.Refuse("the server is read-only, and %s: run `keyseatd migrate` on the server that takes writes", lacks)
	case u.mayCreate:
		return nil
	case len(now.applied) > 0:
		return dberr.Refuse("role %s may not change the tables, and %s: run `keyseatd migrate` as their owner", u.name, lacks)
	case u.schema == "":
		return dberr.Refuse("role %[1]s has no schema for its tables: run `CREATE SCHEMA %[1]s AUTHORIZATION %[1]s`", u.name)
	}
	return dberr.Refuse("role %[1]s may not create tables in schema %[2]s, as is usual since PostgreSQL 15: "+
		"run `GRANT CREATE ON SCHEMA %[2]s TO %[1]s`, or `CREATE SCHEMA %[1]s AUTHORIZATION %[1]s`", u.name, u.schema)
}

// A role is the role of a connection to Postgres. The name of the role and of its schema are quoted for SQL.
type role struct {
	name, schema        string
	mayCreate, readOnly bool // whether the role may create tables in the schema, and whether the server refuses writes
}

func (s *Store) currentRole(ctx context.Context) (u role, err error) {
	err = s.reader().runOnce(ctx, s.sqlOf("role"), nil, query.Into(&u))
	return u, err
}

// explainDenied replaces the error of a migration if the role lacks a privilege. The new error names the role
// and the remedy. explainDenied returns other errors as they are.
func (s *Store) explainDenied(ctx context.Context, err error) error {
	if dberr.SQLState(err) != pgerrcode.InsufficientPrivilege {
		return err
	}
	u, failed := s.currentRole(ctx)
	if failed != nil {
		return err
	}
	return dberr.Refuse("role %s may not change the tables: run `keyseatd migrate` as their owner", u.name)
}

// checkNotForeign returns an error if a dedicated database has tables of another program and no tables of keyseat.
func (s *Store) checkNotForeign(ctx context.Context, now schema) error {
	ours := slices.ContainsFunc(now.tables, func(table string) bool { return strings.HasPrefix(table, "keyseat_") })
	if !s.dedicated || ours || len(now.tables) == 0 {
		return nil
	}
	where, err := s.location(ctx)
	if err != nil {
		return err
	}
	foreign := now.tables
	if len(foreign) > 3 {
		foreign = append(slices.Clone(foreign[:3]), "…")
	}
	return dberr.Refuse("%s holds tables of another program (%s) and none of keyseat's: name another database, "+
		"or let both share this one with `keyseatd migrate --shared`", where, strings.Join(foreign, ", "))
}

func (s *Store) location(ctx context.Context) (string, error) {
	if s.isSQLite {
		return s.filePath(ctx)
	}
	place, err := s.reader().names(ctx, "location")
	return strings.Join(place, ""), err
}
