package bunstore

import (
	"context"
	"database/sql"
)

// A conn runs statements: a pool, a connection or a transaction.
type conn interface {
	QueryContext(ctx context.Context, sql string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, sql string, args ...any) (sql.Result, error)
}

// A session is a conn and how its database is spoken to. It does the work of the methods of [Store];
// what needs a transaction expects to be in one.
type session struct {
	dialect
	on conn
}

// query runs a statement and gives each row of its result.
func (s session) query(ctx context.Context, text string, named args, each func(row) error) error {
	text, values, err := compile(s.dialect, text, named)
	if err != nil {
		return err
	}
	rows, err := s.on.QueryContext(ctx, text, values...)
	return drain(rows, err, each)
}

// drain reads what a query has answered.
func drain(rows *sql.Rows, err error, each func(row) error) error {
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // its error is that of rows.Err
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// exec runs a statement and counts the rows that it has changed.
func (s session) exec(ctx context.Context, text string, named args) (int64, error) {
	text, values, err := compile(s.dialect, text, named)
	if err != nil {
		return 0, err
	}
	result, err := s.on.ExecContext(ctx, text, values...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
