package bunstore

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
)

// straight gives the connection's own pgx, past database/sql, which waits for the answer to each
// statement and has a goroutine watch it. It does nothing if the pool's driver is another, such as one
// that stands before pgx's.
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

// prepared prepares a statement, on a connection that has not prepared it yet, where connections keep such.
func prepared(ctx context.Context, d dialect, conn *pgx.Conn, q question) (string, []any, error) {
	text, values, err := compile(d, q.text, q.named)
	if err == nil && !d.pooled() {
		_, err = conn.Prepare(ctx, text, text)
	}
	return text, values, err
}

// collect reads what a question has been answered.
func collect(rows pgx.Rows, q question) error {
	defer rows.Close()
	for rows.Next() {
		if err := q.each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// A verdict says of an error that nothing has begun, if so.
type verdict func(ctx context.Context, conn *pgx.Conn, err error) error

// dead says so if the connection was dead, which does for what may be done twice.
func dead(ctx context.Context, conn *pgx.Conn, err error) error {
	if err != nil && conn.IsClosed() && ctx.Err() == nil {
		return beginError{err}
	}
	return err
}

// unsent says so if nothing was sent.
func unsent(_ context.Context, _ *pgx.Conn, err error) error {
	if pgconn.SafeToRetry(err) {
		return beginError{err}
	}
	return err
}

// look lets do ask a connection of the pool, and another if that was dead.
func (s *Store) look(ctx context.Context, way way, do func(ask asker) error) error {
	return s.past(ctx, way, dead, do)
}

// A way makes an [asker] of a connection.
type way func(dialect, *pgx.Conn) asker

// past lets do ask a connection of the pool in that way, past database/sql, and another where nothing
// has begun.
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

// looker gives an [asker] of single statements.
func looker(d dialect, conn *pgx.Conn) asker {
	return func(ctx context.Context, all ...question) error {
		for _, q := range all {
			text, values, err := prepared(ctx, d, conn, q)
			if err != nil {
				return err
			}
			rows, _ := conn.Query(ctx, text, values...) // an error is that of the rows
			if err := collect(rows, q); err != nil {
				return err
			}
		}
		return nil
	}
}

// scanner gives an [asker] of statements that read whole tables, each planned when it runs, and without
// the ban of sequential scans ([settings]): what is sent at once is one transaction, and the setting is its own.
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
