package pgxconn

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
)

// A Conn is a connection of pgx.
type Conn struct {
	pgx     *pgx.Conn
	dialect query.Dialect
	mode    Mode
}

// A Mode describes a connection, and has the settings that each of its transactions needs.
type Mode struct {
	Pooled     bool     // the connection leads to a pooler in transaction mode, so nothing is prepared
	TxSettings []string // statements that set parameters after BEGIN
}

// With calls do with the connection of pgx inside conn. If the driver of conn is not pgx, for example a driver that
// wraps pgx, With does nothing and returns isPgx false.
func With(conn *sql.Conn, d query.Dialect, m Mode, do func(Conn) error) (isPgx bool, err error) {
	err = conn.Raw(func(driver any) error {
		inner, is := driver.(*stdlib.Conn)
		if isPgx = is; !is {
			return nil
		}
		return do(Conn{inner.Conn(), d, m})
	})
	return isPgx, err
}

// prepare compiles a query. If the connection has not prepared the text yet, prepare also prepares it.
func (c Conn) prepare(ctx context.Context, q query.Query) (string, []any, error) {
	text, values, err := query.Compile(c.dialect, q)
	if err == nil && !c.mode.Pooled {
		_, err = c.pgx.Prepare(ctx, text, text)
	}
	return text, values, err
}

// A prepareFunc returns the text of a query and the values of its parameters, ready to send.
type prepareFunc func(context.Context, query.Query) (text string, values []any, err error)

// send sends queries in one round trip and reads their results. It first calls prepare for each query with a Scan. The
// SQL of a query without a Scan is sent as it is.
func (c Conn) send(ctx context.Context, prepare prepareFunc, all ...query.Query) error {
	var batch pgx.Batch
	for _, q := range all {
		if q.Scan == nil {
			batch.Queue(q.SQL)
			continue
		}
		text, values, err := prepare(ctx, q)
		if err != nil {
			return err
		}
		batch.Queue(text, values...).Query(func(rows pgx.Rows) error { return readRows(rows, q) })
	}
	return c.pgx.SendBatch(ctx, &batch).Close()
}

func readRows(rows pgx.Rows, q query.Query) error {
	defer rows.Close()
	for rows.Next() {
		if err := q.Scan(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Rollback ends a failed transaction. If the ROLLBACK fails, it closes the connection.
func (c Conn) Rollback(ctx context.Context) {
	if _, err := c.pgx.Exec(ctx, "ROLLBACK"); err != nil {
		_ = c.pgx.Close(ctx) // otherwise the rows of the transaction would stay locked until the pool uses the connection again
	}
}

// A RetryCheck wraps an error in a [dberr.NotStartedError] if the statements may run again on another connection.
type RetryCheck func(ctx context.Context, c Conn, err error) error

// IfDead is a [RetryCheck] that wraps an error if the connection was closed. The server may have executed the
// statements before that. Therefore IfDead is only for statements that may run twice.
func IfDead(ctx context.Context, c Conn, err error) error {
	if err != nil && c.pgx.IsClosed() && ctx.Err() == nil {
		return dberr.NotStartedError{Err: err}
	}
	return err
}

// IfNotSent is a [RetryCheck] that wraps an error if nothing was sent to the server.
func IfNotSent(_ context.Context, _ Conn, err error) error {
	if pgconn.SafeToRetry(err) {
		return dberr.NotStartedError{Err: err}
	}
	return err
}

// A RunnerFor returns a runner for a connection. It is [Statements], [Scans], [Ordered] or [Transaction].
type RunnerFor func(Conn) query.Runner

// Statements returns a runner that sends each query separately, as a prepared statement.
func Statements(c Conn) query.Runner {
	return func(ctx context.Context, all ...query.Query) error {
		for _, q := range all {
			text, values, err := c.prepare(ctx, q)
			if err != nil {
				return err
			}
			rows, _ := c.pgx.Query(ctx, text, values...) // readRows returns the error
			if err := readRows(rows, q); err != nil {
				return err
			}
		}
		return nil
	}
}

// Scans returns a runner for queries that read whole tables. The server plans each query when the query runs, and may
// use sequential scans, which the session otherwise switches off.
func Scans(c Conn) query.Runner { return c.set(`SELECT set_config('enable_seqscan', 'on', true)`) }

// Ordered returns a runner for queries that read the first rows of an index. The server plans each query when the query
// runs. The server reads in the order of the index and does not sort, even if its statistics predict few rows.
func Ordered(c Conn) query.Runner {
	return c.set(`SELECT set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true)`)
}

// set returns a runner that changes settings first. The settings apply to the queries that are sent with them.
func (c Conn) set(settings string) query.Runner {
	compile := func(_ context.Context, q query.Query) (string, []any, error) { return query.Compile(c.dialect, q) }
	return func(ctx context.Context, all ...query.Query) error {
		return c.send(ctx, compile, slices.Concat([]query.Query{{SQL: settings}}, all)...)
	}
}

// Transaction returns a runner that runs its queries in one transaction, in one round trip.
func Transaction(c Conn) query.Runner {
	return func(ctx context.Context, all ...query.Query) error {
		all = append(append(c.begin(), all...), query.Query{SQL: "COMMIT"})
		err := c.send(ctx, c.prepare, all...)
		if err != nil && c.pgx.PgConn().TxStatus() != 'I' {
			short, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			c.Rollback(short)
		}
		return err
	}
}

// PooledSettings is the SQL that sets parameters for one transaction behind a pooler in transaction mode, where
// sessions have no settings. Unlike the settings of a session, it does not switch off any kind of scan. PostgreSQL
// plans an unprepared statement each time, with its arguments, so the plan fits the present tables.
const PooledSettings = `SELECT set_config('lock_timeout', '2s', true),
	set_config('idle_in_transaction_session_timeout', '10s', true), set_config('jit', 'off', true)`

func (c Conn) begin() []query.Query {
	all := []query.Query{{SQL: "BEGIN"}}
	if c.mode.Pooled {
		all[0].SQL = "BEGIN ISOLATION LEVEL READ COMMITTED"
	}
	for _, settings := range c.mode.TxSettings {
		all = append(all, query.Query{SQL: settings})
	}
	return all
}

// A Pipeline is one transaction on a connection. It begins with the first call of [Pipeline.Run], and ends
// with [Pipeline.Commit] or [Pipeline.Rollback].
type Pipeline struct {
	Conn
	started bool
}

// Pipeline returns a transaction that has not begun yet.
func (c Conn) Pipeline() *Pipeline { return &Pipeline{Conn: c} }

// Run is a [query.Runner] that sends all queries in one round trip. The first call also sends BEGIN.
//
// If the connection is dead at the first call, the error is a [dberr.NotStartedError]: no COMMIT was sent, so it is
// safe to run the transaction again. Run does not change the errors of later calls.
func (p *Pipeline) Run(ctx context.Context, all ...query.Query) error {
	if p.started {
		return p.send(ctx, p.prepare, all...)
	}
	err := p.send(ctx, p.prepare, slices.Concat(p.begin(), all)...)
	p.started = err == nil
	return IfDead(ctx, p.Conn, err)
}

// Commit sends queries and COMMIT in one round trip. If a query fails, the server skips the COMMIT.
func (p *Pipeline) Commit(ctx context.Context, all ...query.Query) error {
	return p.Run(ctx, append(all, query.Query{SQL: "COMMIT"})...)
}
