package bunstore

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgerrcode"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
)

// checkMayMigrate returns an error that says why this role cannot migrate the schema, or nil if it can. The schema
// is not up to date.
func (s *Store) checkMayMigrate(ctx context.Context, now schema) error {
	if err := s.checkNotForeign(ctx, now); err != nil || s.isSQLite {
		return err
	}
	u, err := s.currentRole(ctx)
	if err != nil {
		return err
	}
	switch lacks := now.missingText(); {
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

// missingText returns a clause that names the missing migrations.
func (s schema) missingText() string {
	var names []string
	for _, m := range s.missing {
		names = append(names, m.name)
	}
	return "the schema lacks " + strings.Join(names, ", ")
}

// A role is the role of a connection to Postgres. Its name and schema are quoted for SQL.
type role struct {
	name, schema        string
	mayCreate, readOnly bool // may create tables in the schema; the server accepts no writes
}

func (s *Store) currentRole(ctx context.Context) (u role, err error) {
	err = s.reader().runOnce(ctx, `
		SELECT quote_ident(current_user), coalesce(quote_ident(current_schema()), ''),
			coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), current_setting('transaction_read_only') = 'on'`,
		nil, func(r query.Row) error {
			return r.Scan([]query.Column{query.Text(&u.name), query.Text(&u.schema), query.Bool(&u.mayCreate), query.Bool(&u.readOnly)})
		})
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
// See [Options.Dedicated].
func (s *Store) checkNotForeign(ctx context.Context, now schema) error {
	ours := slices.ContainsFunc(now.tables, func(table string) bool { return strings.HasPrefix(table, "keyseat_") })
	if !s.dedicated || ours || len(now.tables) == 0 {
		return nil
	}
	where, err := s.location(ctx)
	if err != nil {
		return err
	}
	return dberr.Refuse("%s holds tables of another program (%s) and none of keyseat's: "+
		"name another database, or let both share this one with `keyseatd migrate --shared`", where, firstNames(now.tables))
}

// checkDedicated reads the schema and does the check of [Store.checkNotForeign].
func (s *Store) checkDedicated(ctx context.Context) error {
	now, err := s.reader().schema(ctx)
	if err != nil {
		return err
	}
	return s.checkNotForeign(ctx, now)
}

// location returns the location of the tables: the SQLite file, or the schema and the database.
func (s *Store) location(ctx context.Context) (string, error) {
	if s.isSQLite {
		return s.filePath(ctx)
	}
	place, err := s.reader().names(ctx, `SELECT 'schema ' || quote_ident(current_schema()) || ' of database ' || quote_ident(current_database())`)
	return strings.Join(place, ""), err
}

// firstNames lists the first 3 names, and an ellipsis if there are more.
func firstNames(names []string) string {
	const few = 3
	if len(names) > few {
		names = append(slices.Clone(names[:few]), "…")
	}
	return strings.Join(names, ", ")
}
