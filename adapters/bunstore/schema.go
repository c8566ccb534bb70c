package bunstore

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
)

//go:embed migrations
var migrationFiles embed.FS

// migrationTable is the table with the names of the applied migrations. Its columns are those of the package
// bun/migrate, which created the table in older versions of keyseat.
const migrationTable = "keyseat_migrations"

// A migration is one step of the schema. Migrations run in the order of their names.
type migration struct{ name, sql string }

var addition = regexp.MustCompile(`(?m)^(?:CREATE (?:UNLOGGED )?TABLE (\w+)|ALTER TABLE (\w+) ADD COLUMN (\w+))`)

// additions lists the tables that the migration creates, and the columns (table.column) that it adds to other tables.
func (m migration) additions() (names []string) {
	for _, found := range addition.FindAllStringSubmatch(m.sql, -1) {
		names = append(names, cmp.Or(found[1], found[2]+"."+found[3]))
	}
	return names
}

func (s session) migrations() (all []migration) {
	folder := "migrations/postgres"
	if s.isSQLite {
		folder = "migrations/sqlite"
	}
	for _, file := range must(fs.Glob(migrationFiles, folder+"/*.sql")) { // sorted
		name, _, _ := strings.Cut(path.Base(file), "_")
		all = append(all, migration{name, string(must(migrationFiles.ReadFile(file)))})
	}
	return all
}

// A schema is the state of a database: its tables, and the applied and missing migrations.
type schema struct {
	tables  []string // on Postgres, the tables of the current schema, without those of extensions
	columns []string // the columns of all tables, as table.column; only read if migrations are missing
	applied []string // the names of the applied migrations
	missing []migration
}

// schema reads the state of the database and writes nothing. It returns an error if a newer version of
// keyseat has migrated the database.
func (s session) schema(ctx context.Context) (now schema, err error) {
	if now.tables, err = s.names(ctx, "tables"); err != nil {
		return now, err
	}
	if slices.Contains(now.tables, migrationTable) {
		now.applied, err = s.names(ctx, "migrations")
	}
	if err != nil {
		return now, err
	}
	all := s.migrations()
	for _, m := range all {
		if !slices.Contains(now.applied, m.name) {
			now.missing = append(now.missing, m)
		}
	}
	if len(now.missing) > 0 {
		now.columns, err = s.names(ctx, "columns")
	}
	return now, errors.Join(err, now.checkKnown(all))
}

// names runs a statement of the folder sql with one text column, and returns its values.
func (s session) names(ctx context.Context, name string) (all []string, err error) {
	err = s.run(ctx, nil, statement(name, nil, query.Append(&all)))
	return all, err
}

func (s schema) checkKnown(all []migration) error {
	for _, name := range slices.Backward(s.applied) {
		if !slices.ContainsFunc(all, func(m migration) bool { return m.name == name }) {
			return dberr.Refuse("the database is at version %s, made by a newer keyseat; this program knows up to %s: "+
				"run the newer program, or restore a backup", name, all[len(all)-1].name)
		}
	}
	return nil
}

// ErrDistributed reports that the tables are distributed, but the store was opened without [Options.Distributed].
var ErrDistributed error = dberr.Public("the tables are distributed by Citus: the store must be opened for that (--database-distributed)")

// checkTables returns [ErrDistributed] if the tables are distributed, but the store is not. A distributed store accepts
// all tables, because some databases distribute tables without Citus.
func (s session) checkTables(ctx context.Context) error {
	if s.isSQLite || s.isDistributed {
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
	err = s.runOnce(ctx, `SELECT to_regclass('pg_dist_partition') IS NOT NULL`, nil, query.Into(&citus))
	if err != nil || !citus {
		return nil, citus, err
	}
	tables, err = s.names(ctx, "citus tables")
	return tables, citus, err
}
