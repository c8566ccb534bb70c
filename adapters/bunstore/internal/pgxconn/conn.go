package pgxconn

import (
	"context"
	"database/sql"

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
	pooled  bool // a pooler in transaction mode is in between
}

// With calls do with the connection of pgx inside conn. If the driver is another one, for example a driver that
// wraps pgx, With does nothing and returns isPgx false. The argument pooled says that a pooler in transaction
// mode is in between.
func With(conn *sql.Conn, d query.Dialect, pooled bool, do func(Conn) error) (isPgx bool, err error) {
	err = conn.Raw(func(driver any) error {
		inner, is := driver.(*stdlib.Conn)
		if isPgx = is; !is {
			return nil
		}
		return do(Conn{inner.Conn(), d, pooled})
	})
	return isPgx, err
}

// prepare compiles a query and prepares it, if the connection has not prepared it yet.
func (c Conn) prepare(ctx context.Context, q query.Query) (string, []any, error) {
	text, values, err := query.Compile(c.dialect, q)
	if err == nil && !c.pooled {
		_, err = c.pgx.Prepare(ctx, text, text)
	}
	return text, values, err
}

// send sends queries in one round trip and reads their results. It first prepares each query that the
// connection has not prepared yet. A query without Scan is sent as it is.
func (c Conn) send(ctx context.Context, all ...query.Query) error {
	var batch pgx.Batch
	for _, q := range all {
		if q.Scan == nil {
			batch.Queue(q.SQL)
			continue
		}
		text, values, err := c.prepare(ctx, q)
		if err != nil {
			return err
		}
		batch.Queue(text, values...).Query(func(rows pgx.Rows) error { return readRows(rows, q) })
	}
	return c.pgx.SendBatch(ctx, &batch).Close()
}

// readRows calls q.Scan for every row of the result, and closes rows.
func readRows(rows pgx.Rows, q query.Query) error {
	defer rows.Close()
	for rows.Next() {
		if err := q.Scan(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// rollback ends a failed transaction. It closes the connection if that fails.
func (c Conn) rollback(ctx context.Context) {
	if _, err := c.pgx.Exec(ctx, "ROLLBACK"); err != nil {
		_ = c.pgx.Close(ctx) // otherwise its rows would stay locked until the pool uses the connection again
	}
}

// A RetryCheck wraps an error in a [dberr.NotStartedError] if the statements may run again on another
// connection.
type RetryCheck func(ctx context.Context, c Conn, err error) error

// IfDead is a [RetryCheck] that wraps an error if the connection was closed. The server may have executed the
// statements all the same. Therefore IfDead is only for statements that may run twice.
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
