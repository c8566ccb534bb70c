package bunstore

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
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

// prepared prepares a statement, on a connection that has not prepared it yet.
func prepared(ctx context.Context, conn *pgx.Conn, q question) (string, []any, error) {
	text, values, err := compile(postgres{}, q.text, q.named)
	if err == nil {
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

// dead says of an error that nothing has begun, if the connection was dead.
func dead(ctx context.Context, conn *pgx.Conn, err error) error {
	if err != nil && conn.IsClosed() && ctx.Err() == nil {
		return beginError{err}
	}
	return err
}

// viewOnce reads views by a statement of its own.
func (s *Store) viewOnce(ctx context.Context, conn bun.Conn, codes []keys.Code) (views []tasks.View, err error) {
	done, err := straight(conn, func(inner *pgx.Conn) (err error) {
		views, err = view(ctx, looker(inner), codes)
		return dead(ctx, inner, err)
	})
	if done || err != nil {
		return views, err
	}
	return view(ctx, session{s.dialect, conn.Conn}.ask, codes)
}

// looker gives an [asker] outside of a transaction.
func looker(conn *pgx.Conn) asker {
	return func(ctx context.Context, all ...question) error {
		for _, q := range all {
			text, values, err := prepared(ctx, conn, q)
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
