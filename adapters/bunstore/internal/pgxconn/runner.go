package pgxconn

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
)

// A RunnerFor returns a runner for a connection: [Statements], [Scans] or [Transaction].
type RunnerFor func(Conn) query.Runner

// Statements returns a runner that sends each query separately, as a prepared statement.
func Statements(c Conn) query.Runner {
	return func(ctx context.Context, all ...query.Query) error {
		for _, q := range all {
			text, values, err := c.prepare(ctx, q)
			if err != nil {
				return err
			}
			rows, _ := c.pgx.Query(ctx, text, values...) // rows returns the error
			if err := readRows(rows, q); err != nil {
				return err
			}
		}
		return nil
	}
}

// Scans returns a runner for queries that read whole tables. The server plans them when they run, and may use
// sequential scans, which the session switches off. Statements that are sent together are one transaction, and
// the setting applies only to that transaction.
func Scans(c Conn) query.Runner {
	return func(ctx context.Context, all ...query.Query) error {
		var batch pgx.Batch
		batch.Queue("SELECT set_config('enable_seqscan', 'on', true)")
		for _, q := range all {
			text, values, err := query.Compile(c.dialect, q)
			if err != nil {
				return err
			}
			batch.Queue(text, values...).Query(func(rows pgx.Rows) error { return readRows(rows, q) })
		}
		return c.pgx.SendBatch(ctx, &batch).Close()
	}
}

// Transaction returns a runner that runs its queries in one transaction, in one round trip.
func Transaction(c Conn) query.Runner {
	return func(ctx context.Context, all ...query.Query) error {
		all = append(append(c.begin(), all...), query.Query{SQL: "COMMIT"})
		err := c.send(ctx, all...)
		if err != nil && c.pgx.PgConn().TxStatus() != 'I' {
			short, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			c.rollback(short)
		}
		return err
	}
}

// PooledSettings is the SQL that sets parameters for one transaction behind a pooler in transaction mode, where
// sessions have no settings. It sets nothing for the planner, because PostgreSQL plans each statement with its
// arguments there.
const PooledSettings = `SELECT set_config('lock_timeout', '2s', true),
	set_config('idle_in_transaction_session_timeout', '10s', true), set_config('jit', 'off', true)`

// begin returns the statements that begin a transaction.
func (c Conn) begin() []query.Query {
	if c.pooled {
		return []query.Query{{SQL: "BEGIN ISOLATION LEVEL READ COMMITTED"}, {SQL: PooledSettings}}
	}
	return []query.Query{{SQL: "BEGIN"}}
}

// CacheOptions returns the options with which a query of database/sql is prepared, so that the server plans it
// once. They come before the arguments. Without them the query has the pool's mode, which prepares nothing,
// because bun writes its arguments into the text. Each such text would be another prepared statement.
func CacheOptions() []any { return []any{pgx.QueryExecModeCacheStatement} }
