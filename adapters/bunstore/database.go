package bunstore

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"

	"github.com/uptrace/bun"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/pgxconn"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/sqlitefile"
)

// A database has the connection pools of a store, and methods that run statements on them:
//
//	reader       single statements, through database/sql
//	onPgx        frequent statements, on a connection of pgx
//	transact     a transaction, repeated after a conflict
type database struct {
	dialect
	layout layout
	read   *bun.DB
	write  *bun.DB          // for an SQLite file: one connection, because SQLite allows one writer
	stmts  *stmtCache       // prepared statements of the writer, for an SQLite file that [Open] has opened
	disk   *sqlitefile.Disk // SQLite only
}

// maxTxRetries is the maximum number of runs of a transaction that conflicts with other transactions.
const maxTxRetries = 8

// retry calls run until it succeeds, up to maxTxRetries times. It stops early if another try would not help, see
// [dberr.Retryable], or if ctx has ended.
func retry(ctx context.Context, run func() error) (err error) {
	for range maxTxRetries {
		if err = run(); !dberr.Retryable(err) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func postgresDatabase(db *bun.DB, isDistributed bool) database {
	if isDistributed {
		d := dialect{sql: query.Distributed(), isDistributed: true}
		return database{dialect: d, layout: distributed{&atomic.Int32{}}, read: db, write: db}
	}
	return database{dialect: dialect{sql: query.Postgres()}, layout: oneServer{}, read: db, write: db}
}

func (d *database) session(on conn) session {
	return session{dialect: d.dialect, layout: d.layout, on: on}
}

func (d *database) mode() pgxconn.Mode {
	m := pgxconn.Mode{Pooled: d.pooled}
	if d.pooled {
		m.TxSettings = append(m.TxSettings, pgxconn.PooledSettings)
	}
	if d.pooled && d.isDistributed {
		m.TxSettings = append(m.TxSettings, pooledCitusSettings)
	}
	if d.isDistributed {
		m.TxSettings = append(m.TxSettings, workerSettings)
	}
	return m
}

// reader returns the session for single statements outside a transaction. Behind a pooler in transaction mode each
// statement is a transaction of its own, with the settings of [database.mode].
func (d *database) reader() session {
	s := d.session(d.read.DB)
	if d.pooled {
		s.own = d.runInTx
	}
	if !d.isSQLite {
		s.onPgx = d.onPgx
	}
	return s
}

// writer returns the session for single statements that write. Each statement is a transaction of its own.
func (d *database) writer() session {
	s := d.session(d.write.DB)
	if len(d.mode().TxSettings) > 0 {
		s.own = d.runInTx
	}
	return s
}

// runInTx is a [query.Runner] that runs queries in a transaction of their own, with the settings of [database.mode].
// The queries run again only if they were certainly not sent.
func (d *database) runInTx(ctx context.Context, all ...query.Query) error {
	return d.onPgx(ctx, pgxconn.Transaction, pgxconn.IfNotSent, func(run query.Runner) error { return run(ctx, all...) })
}

// onPgx calls do with a runner on a connection of the pool, without database/sql in between. If [dberr.NotStarted] is
// true for the error, for example because check has wrapped it, onPgx tries again on another connection, up to
// maxTxRetries times in all. If the driver is not pgx, the runner uses database/sql.
func (d *database) onPgx(ctx context.Context, runner pgxconn.RunnerFor, check pgxconn.RetryCheck, do func(run query.Runner) error) (err error) {
	for range maxTxRetries {
		err = d.withConn(ctx, func(conn bun.Conn) error {
			isPgx, err := pgxconn.With(conn.Conn, d.sql, d.mode(), func(c pgxconn.Conn) error {
				return check(ctx, c, do(runner(c)))
			})
			if isPgx || err != nil {
				return err
			}
			return do(d.session(conn.Conn).runCached)
		})
		if !dberr.NotStarted(err) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (d *database) withConn(ctx context.Context, run func(conn bun.Conn) error) error {
	conn, err := d.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // this returns the connection to its pool
	return run(conn)
}

// transact runs do in a transaction, with the retries of [database.retryTx].
func (d *database) transact(ctx context.Context, do func(tx session) error) error {
	return d.retryTx(ctx, func(life context.Context, conn bun.Conn) error { return d.inTx(life, conn, do) })
}

// execInTx executes statements in order, in one transaction. It returns the number of rows that the first one changed.
func (d *database) execInTx(ctx context.Context, args query.Args, statements ...string) (changed int64, err error) {
	err = d.transact(ctx, func(tx session) error {
		changed, err = tx.execAll(ctx, args, statements...)
		return err
	})
	return changed, err
}

// retryTx calls run, which must run a transaction on the connection that it gets. After a conflict, or if the
// connection was dead, retryTx calls run again, up to maxTxRetries times in all.
//
// The end of ctx ends the statements of a run, but not its COMMIT, because the result of an interrupted COMMIT would be
// unknown. The COMMIT uses the context life, which ends after [dberr.TxTimeout].
func (d *database) retryTx(ctx context.Context, run func(life context.Context, conn bun.Conn) error) error {
	err := retry(ctx, func() error {
		if d.stmts != nil {
			d.stmts.prepare(ctx, d.write.DB)
		}
		return d.withConn(ctx, func(conn bun.Conn) error {
			life, cancel := context.WithTimeout(context.WithoutCancel(ctx), dberr.TxTimeout)
			defer cancel()
			return run(life, conn)
		})
	})
	d.disk.Note(err)
	return err
}

// inTx runs do in one transaction on conn. It rolls back after an error of do, otherwise it commits.
func (d *database) inTx(life context.Context, conn bun.Conn, do func(tx session) error) error {
	var options sql.TxOptions
	if d.pooled { // behind a pooler the session does not set the isolation level, so the transaction sets it
		options.Isolation = sql.LevelReadCommitted
	}
	tx, err := conn.BeginTx(life, &options)
	if err != nil && !d.isSQLite {
		return dberr.NotStartedError{Err: err}
	}
	for _, settings := range d.mode().TxSettings {
		if err == nil {
			_, err = tx.Tx.ExecContext(life, settings)
		}
	}
	if err != nil {
		return err
	}
	s := d.session(tx.Tx)
	if d.stmts != nil {
		s.on = cachedTx{tx.Tx, d.stmts}
	}
	if err := do(s); err != nil {
		_ = tx.Rollback() // the error of do is more important
		return err
	}
	return tx.Commit()
}

// stmtCache is a cache of prepared statements for SQLite. It keeps the statements from one transaction to the next,
// because to parse a statement takes as long as to run it for a few rows.
type stmtCache struct {
	mu       sync.Mutex
	prepared map[string]*sql.Stmt // by text; nil until the statement is prepared
	pending  []string             // texts for the next call of prepare
}

// prepare prepares the statements that [stmtCache.get] did not have. Call it before a transaction, because it
// needs the only connection of the writer.
func (k *stmtCache) prepare(ctx context.Context, db *sql.DB) {
	k.mu.Lock()
	wanted := k.pending
	k.pending = nil
	k.mu.Unlock()
	for _, text := range wanted {
		s, err := db.PrepareContext(ctx, text) //nolint:sqlclosecheck // the statement lives as long as the pool
		k.mu.Lock()
		if k.prepared[text] = s; err != nil {
			delete(k.prepared, text) // the next get adds the text to pending again
		}
		k.mu.Unlock()
	}
}

// get returns the prepared statement for a text. If the cache does not have it, get returns nil, and the
// next [stmtCache.prepare] prepares it.
func (k *stmtCache) get(text string) *sql.Stmt {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, found := k.prepared[text]
	if !found {
		k.prepared[text], k.pending = nil, append(k.pending, text)
	}
	return s
}

// A cachedTx is a [conn] for a transaction that uses prepared statements from a [stmtCache].
type cachedTx struct {
	*sql.Tx
	*stmtCache
}

// QueryContext runs a query. It uses the prepared statement if the cache has it.
func (c cachedTx) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if s := c.get(text); s != nil {
		return c.StmtContext(ctx, s).QueryContext(ctx, args...) //nolint:sqlclosecheck // the transaction closes it
	}
	return c.Tx.QueryContext(ctx, text, args...)
}

// ExecContext runs a statement without rows. It uses the prepared statement if the cache has it.
func (c cachedTx) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	if s := c.get(text); s != nil {
		return c.StmtContext(ctx, s).ExecContext(ctx, args...) //nolint:sqlclosecheck // the transaction closes it
	}
	return c.Tx.ExecContext(ctx, text, args...)
}
