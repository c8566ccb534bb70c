package bunstore

import (
	"context"
	"database/sql"
)

// A conn is a pool, a connection or a transaction. It runs statements.
type conn interface {
	QueryContext(ctx context.Context, sql string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, sql string, args ...any) (sql.Result, error)
}

// A session is a conn with the dialect of its database. It does the work of the methods of [Store]. A method
// that needs a transaction expects the conn to be one.
type session struct {
	dialect
	on conn
}

// A question is a statement with its arguments, and the function each for every row of its result.
type question struct {
	text  string
	named args
	each  func(row) error
}

// An asker runs statements in order, until one returns an error.
type asker func(ctx context.Context, all ...question) error

// ask is an [asker] for frequent statements: the database keeps their plans, if its dialect allows that.
func (s session) ask(ctx context.Context, all ...question) error {
	for _, q := range all {
		if err := s.run(ctx, s.hot(), q); err != nil {
			return err
		}
	}
	return nil
}

// query runs a rare statement, whose plan is not kept. It calls each for every row of the result.
func (s session) query(ctx context.Context, text string, named args, each func(row) error) error {
	return s.run(ctx, nil, question{text, named, each})
}

func (s session) run(ctx context.Context, options []any, q question) error {
	if single, is := s.on.(flights); is {
		return single.ask(ctx, q)
	}
	text, values, err := compile(s.dialect, q.text, q.named)
	if err != nil {
		return err
	}
	rows, err := s.on.QueryContext(ctx, text, append(options, values...)...)
	return drain(rows, err, q.each)
}

// drain calls each for every row of a query's result and closes rows. If err is not nil, it returns err.
func drain(rows *sql.Rows, err error, each func(row) error) error {
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err returns the same error
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// exec runs a statement and returns the number of rows that it has changed.
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
