package bunstore

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
)

// straight calls do with the pgx connection inside conn, without database/sql in between. That is faster:
// database/sql waits for the result of each statement and watches it with a goroutine. If the driver of the
// pool is another one, for example a driver that wraps pgx, straight does nothing and returns done false.
func straight(conn bun.Conn, do func(*pgx.Conn) error) (done bool, err error) {
	err = conn.Raw(func(driver any) error {
		inner, isPgx := driver.(*stdlib.Conn)
		if done = isPgx; done {
			return do(inner.Conn())
		}
		return nil
	})
	return done, err
}

// prepared compiles a statement and prepares it, if the connection has not prepared it yet. Behind a pooler
// in transaction mode it prepares nothing, because a connection does not keep prepared statements there.
func prepared(ctx context.Context, d dialect, conn *pgx.Conn, q question) (string, []any, error) {
	text, values, err := compile(d, q.text, q.named)
	if err == nil && !d.pooled() {
		_, err = conn.Prepare(ctx, text, text)
	}
	return text, values, err
}

// collect calls q.each for every row of the result, and closes rows.
func collect(rows pgx.Rows, q question) error {
	defer rows.Close()
	for rows.Next() {
		if err := q.each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// A verdict wraps an error in a [beginError] if the caller may run the statements again.
type verdict func(ctx context.Context, conn *pgx.Conn, err error) error

// dead is a [verdict] that wraps an error if the connection was closed. The server may have executed the
// statement all the same. Therefore dead is only for statements that may run twice.
func dead(ctx context.Context, conn *pgx.Conn, err error) error {
	if err != nil && conn.IsClosed() && ctx.Err() == nil {
		return beginError{err}
	}
	return err
}

// unsent is a [verdict] that wraps an error if nothing was sent to the server.
func unsent(_ context.Context, _ *pgx.Conn, err error) error {
	if pgconn.SafeToRetry(err) {
		return beginError{err}
	}
	return err
}

// look runs do on a connection of the pool, and on another one if the first was dead.
func (s *Store) look(ctx context.Context, way way, do func(ask asker) error) error {
	return s.past(ctx, way, dead, do)
}

// A way returns an [asker] that runs statements on a connection.
type way func(dialect, *pgx.Conn) asker

// past runs do with the way's [asker] on a connection of the pool, without database/sql in between. After an
// error that the verdict begun wraps, past tries again on another connection, up to reruns times in all. If
// the driver is not pgx, past runs do through database/sql.
func (s *Store) past(ctx context.Context, way way, begun verdict, do func(ask asker) error) (err error) {
	for range reruns {
		err = s.borrow(ctx, func(conn bun.Conn) error {
			done, err := straight(conn, func(inner *pgx.Conn) error { return begun(ctx, inner, do(way(s.dialect, inner))) })
			if done || err != nil {
				return err
			}
			return do(session{s.dialect, conn.Conn}.ask)
		})
		if !unbegun(err) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// looker is a [way] that sends each statement separately, as a prepared statement.
func looker(d dialect, conn *pgx.Conn) asker {
	return func(ctx context.Context, all ...question) error {
		for _, q := range all {
			text, values, err := prepared(ctx, d, conn, q)
			if err != nil {
				return err
			}
			rows, _ := conn.Query(ctx, text, values...) // rows returns the error
			if err := collect(rows, q); err != nil {
				return err
			}
		}
		return nil
	}
}

// scanner is a [way] for statements that read whole tables. The server plans them when they run, and
// may use sequential scans, which [settings] switches off. Statements that are sent together are one
// transaction, and the setting applies only to that transaction.
func scanner(d dialect, conn *pgx.Conn) asker {
	return func(ctx context.Context, all ...question) error {
		var flight pgx.Batch
		flight.Queue("SELECT set_config('enable_seqscan', 'on', true)")
		for _, q := range all {
			text, values, err := compile(d, q.text, q.named)
			if err != nil {
				return err
			}
			flight.Queue(text, values...).Query(func(rows pgx.Rows) error { return collect(rows, q) })
		}
		return conn.SendBatch(ctx, &flight).Close()
	}
}
