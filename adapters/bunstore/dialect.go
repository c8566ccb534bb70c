package bunstore

import (
	"sync/atomic"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
)

// A dialect is the kind of database of a store, and how statements are written for it.
//
// A distributed database is PostgreSQL with tables on many servers. The rows of keyseat_keys, keyseat_tasks and
// keyseat_history may be on any server; the key's code decides which. The other tables are on the server that
// runs the transaction. The dialect also suits a database without SKIP LOCKED. A statement about the three
// tables follows these rules:
//
//   - It locks only the rows that it writes. The store reads rows without a lock and writes them by
//     compare-and-set on version and fence. If another transaction was faster, the store runs its own again.
//   - It names the codes as an array, so that Citus skips the servers that have none of them.
//   - It gets each time as an argument, because each server has its own clock: see [session.timed].
//
// Two transactions that write the same rows in different orders deadlock. The database detects this and
// aborts a transaction, which the store then runs again.
type dialect struct {
	sql         query.Dialect
	isSQLite    bool
	distributed bool
	pooled      bool             // a pooler in transaction mode is in between: see [PoolerTransaction]
	clock       func() time.Time // on SQLite the clock of the store; in a timed session the time of the database
	path        string           // of the SQLite file, for error texts; "" if unknown
	contention  *atomic.Int32    // of a distributed store: see [contentionTTL]
}

func postgresDialect(distributed bool) dialect {
	d := dialect{sql: query.Postgres(), distributed: distributed}
	if distributed {
		d.contention = &atomic.Int32{}
	}
	return d
}

func sqliteDialect(clock func() time.Time, path string) dialect {
	return dialect{sql: query.SQLite(clock), isSQLite: true, clock: clock, path: path}
}

// at returns the dialect with a fixed @now.
func (d dialect) at(now time.Time) dialect {
	d.sql, d.clock = query.PostgresAt(now), func() time.Time { return now }
	return d
}

// processTime returns the value of @now if this process knows it, and otherwise the zero time.
func (d dialect) processTime() time.Time {
	if d.clock == nil {
		return time.Time{}
	}
	return d.clock()
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

// skipLocked returns the clause after [dialect.forUpdate] that leaves out rows that another transaction has
// locked. A distributed store waits for them.
func (d dialect) skipLocked() string {
	if d.distributed {
		return ""
	}
	return d.either(" SKIP LOCKED", "")
}

// wrap returns the error of an operation with a text that names the database and holds no stored value.
func (d dialect) wrap(operation string, err error) error {
	system := d.either("PostgreSQL", "SQLite")
	if d.path != "" {
		system += " " + d.path
	}
	return dberr.Wrap(system, operation, err)
}
