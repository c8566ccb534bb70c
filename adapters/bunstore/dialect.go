package bunstore

import (
	"database/sql"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
)

// A dialect is the kind of database of a store, and how statements are written for it.
type dialect struct {
	sql      query.Dialect
	isSQLite bool
	pooled   bool   // a pooler in transaction mode is in between: see [PoolerTransaction]
	path     string // of the SQLite file, for error texts; "" if unknown
}

func postgresDialect() dialect { return dialect{sql: query.Postgres()} }

func sqliteDialect(clock func() time.Time, path string) dialect {
	return dialect{sql: query.SQLite(clock), isSQLite: true, path: path}
}

// either returns the text for this database.
func (d dialect) either(postgres, sqlite string) string {
	if d.isSQLite {
		return sqlite
	}
	return postgres
}

// forUpdate returns the clause that locks the selected rows of a table until the transaction ends. It is empty on
// SQLite, where a transaction that writes has locked the whole database.
func (d dialect) forUpdate(table string) string {
	return d.either(" FOR UPDATE OF "+table, "")
}

// txOptions returns the options of a transaction. Behind a pooler they name the isolation level, because the
// settings of the session do not apply there.
func (d dialect) txOptions() *sql.TxOptions {
	if d.pooled {
		return &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	}
	return nil
}

// wrap returns the error of an operation with a text that names the database and holds no stored value.
func (d dialect) wrap(operation string, err error) error {
	system := d.either("PostgreSQL", "SQLite")
	if d.path != "" {
		system += " " + d.path
	}
	return dberr.Wrap(system, operation, err)
}
