package bunstore

import (
	"context"
	"database/sql"
	"iter"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/pgxconn"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A conn is a pool, a connection or a transaction. It runs statements.
type conn = bun.IConn

// A session is a conn with the dialect and the layout of its database. It does the work of the methods of [Store]. If a
// method needs a transaction, the conn must be a transaction.
type session struct {
	dialect
	layout layout
	on     conn
	own    query.Runner // runs a query in a separate transaction; nil: queries run on the conn

	// onPgx is [database.onPgx] in a session that can read on any connection of the pool, otherwise nil.
	onPgx func(ctx context.Context, runner pgxconn.RunnerFor, check pgxconn.RetryCheck, do func(run query.Runner) error) error
}

// A layout is where the rows of keys, tasks and the history are: on one server ([oneServer]) or on many
// ([distributed]). It has the methods whose steps differ between these two.
type layout interface {
	// lease does the work of the method Lease of [tasks.Store]. It reads with the runner read, and writes with the
	// runner write.
	lease(ctx context.Context, read, write query.Runner, worker string, n int, ttl time.Duration) ([]tasks.Snapshot, error)

	// lockQueries returns queries that read the rows of the changes into c, and take the locks that the layout needs.
	lockQueries(c *changeset, changes []tasks.Change) []query.Query
	// write writes the rows of c. It sends its last queries to the runner last, which may also commit the transaction.
	write(ctx context.Context, run, last query.Runner, c *changeset) error

	// importKeys writes the keys of a batch with their history entries into PostgreSQL, in the transaction of the session.
	importKeys(ctx context.Context, s session, conn *sql.Conn, b adminstore.ImportBatch, from iter.Seq2[keys.Key, error]) error

	// lockArchivable locks the wanted keys, and returns the keys that can be archived. The map entries has the number
	// of history entries that each key must have.
	lockArchivable(ctx context.Context, s session, want query.Rows, entries map[keys.Code]int) (map[keys.Code]bool, error)
}

// oneServer is the layout of a PostgreSQL server and of an SQLite file.
type oneServer struct{}

// distributed is the layout of a PostgreSQL database with tables on many servers. The rows of keyseat_keys,
// keyseat_tasks and keyseat_history may be on any server; the key's code decides which. The other tables are on the
// server that runs the transaction. A database that lacks SKIP LOCKED can use this layout too. A statement about the
// three tables follows these rules:
//
//   - It locks only the rows that it writes. The store reads rows without a lock and writes them by compare-and-set on
//     version and fence. If another transaction was faster, the store runs its own transaction again.
//   - It names the codes as an array, so that Citus skips the servers that have none of these codes.
//   - It gets each time as an argument, because each server has its own clock.
//
// Two transactions that write the same rows in different orders may deadlock. The database detects this and
// aborts a transaction, which the store then runs again.
type distributed struct {
	contention *atomic.Int32 // see [contentionTTL]
}

// distributedSettings sets up a session of a distributed store. The last two settings are only for Citus, and other
// databases ignore them:
//
//   - The server plans a statement each time, because Citus needs the arguments to plan a statement on several servers.
//   - Citus sends SET LOCAL to the workers.
//   - Citus opens one connection to each worker for a statement. By default it would open several connections for a
//     statement about several shards, and would spend more time on connections than on the statement.
//
// Behind a pooler in transaction mode, where sessions have no settings, each transaction sets the last two.
const (
	distributedSettings = `SET plan_cache_mode = force_custom_plan;
		SET citus.propagate_set_commands = 'local';
		SET citus.max_adaptive_executor_pool_size = 1`
	pooledCitusSettings = `SELECT set_config('citus.propagate_set_commands', 'local', true),
		set_config('citus.max_adaptive_executor_pool_size', '1', true)`
)

// workerSettings sets the timeout for locks in each transaction. A worker does not have the settings of the session.
// Without the timeout, a locked row would delay all changes of a batch until the context ends.
const workerSettings = `SET LOCAL lock_timeout = '2s'`

// whereCodes returns AND with the condition that the code of a row is one of the @codes. This condition makes Citus
// skip the servers that have none of these codes, which a join with the codes would not. The result is "" if one server
// has all rows.
func (s session) whereCodes(table string) string {
	if !s.isDistributed {
		return ""
	}
	return "AND " + table + ".code = ANY (@codes)"
}

// retryRead calls do with a runner on a connection of the pool. If the connection was dead, it calls do again with
// another connection. If the session has no onPgx, do runs its queries on the conn of the session.
func (s session) retryRead(ctx context.Context, runner pgxconn.RunnerFor, do func(run query.Runner) error) error {
	if s.onPgx == nil {
		return do(s.runCached)
	}
	return s.onPgx(ctx, runner, pgxconn.IfDead, do)
}

// runCached is a [query.Runner] for frequent statements. Except behind a pooler in transaction mode, pgx prepares these
// statements, so that PostgreSQL plans each only once. Other statements are not prepared: the texts of bun's queries
// may contain values, and each text would be prepared separately.
func (s session) runCached(ctx context.Context, all ...query.Query) error {
	var options []any
	if !s.isSQLite && !s.pooled {
		options = []any{pgx.QueryExecModeCacheStatement}
	}
	for _, q := range all {
		if err := s.run(ctx, options, q); err != nil {
			return err
		}
	}
	return nil
}

// runOnce runs a rare statement, which is not prepared. It calls scan for every row of the result.
func (s session) runOnce(ctx context.Context, sql string, args query.Args, scan func(query.Row) error) error {
	return s.run(ctx, nil, query.Query{SQL: sql, Args: args, Scan: scan})
}

func (s session) run(ctx context.Context, options []any, q query.Query) error {
	if s.own != nil {
		return s.own(ctx, q)
	}
	text, values, err := query.Compile(s.sql, q)
	if err != nil {
		return err
	}
	rows, err := s.on.QueryContext(ctx, text, append(options, values...)...) //nolint:rowserrcheck // ScanRows checks it
	return query.ScanRows(rows, err, q.Scan)
}

func (s session) selectInto(model any) query.Select { return query.NewSelect(s.sql, s.on, model) }

// exec runs a statement and returns the number of rows that it has changed.
func (s session) exec(ctx context.Context, sql string, args query.Args) (int64, error) {
	return s.execQuery(ctx, query.Query{SQL: sql, Args: args})
}

func (s session) execQuery(ctx context.Context, q query.Query) (int64, error) {
	text, values, err := query.Compile(s.sql, q)
	if err != nil {
		return 0, err
	}
	result, err := s.on.ExecContext(ctx, text, values...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// execAll executes statements in order. It returns the number of rows that the first statement has changed.
func (s session) execAll(ctx context.Context, args query.Args, statements ...string) (changed int64, err error) {
	for i, sql := range statements {
		n, err := s.exec(ctx, sql, args)
		if err != nil {
			return 0, err
		}
		if i == 0 {
			changed = n
		}
	}
	return changed, nil
}

func readTime(ctx context.Context, run query.Runner) (now time.Time, err error) {
	err = run(ctx, timeQuery(&now))
	return now, err
}

func timeQuery(now *time.Time) query.Query {
	return query.Query{SQL: `SELECT @now`, Scan: query.Into(now)}
}

// A dialect is the kind of database of a store, and how statements are written for it.
type dialect struct {
	sql           query.Dialect
	isSQLite      bool
	isDistributed bool   // the layout is [distributed]
	pooled        bool   // the connections lead to a pooler in transaction mode: see [PoolerTransaction]
	path          string // the path of the SQLite file, for error texts; "" if unknown
}

func sqliteDialect(clock func() time.Time, path string) dialect {
	return dialect{sql: query.SQLite(clock), isSQLite: true, path: path}
}

func (d dialect) either(postgres, sqlite string) string {
	if d.isSQLite {
		return sqlite
	}
	return postgres
}

// forUpdate returns the clause that locks the selected rows of a table until the transaction ends. The clause is empty
// on SQLite, because a transaction that writes locks the whole database there.
func (d dialect) forUpdate(table string) string { return d.either(" FOR UPDATE OF "+table, "") }

// wrap converts the error of an operation to an error whose text names the database and holds no stored value.
func (d dialect) wrap(operation string, err error) error {
	if err == nil {
		return nil
	}
	system := d.either("PostgreSQL", "SQLite")
	if d.path != "" {
		system += " " + d.path
	}
	return dberr.Wrap(system, operation, err)
}
