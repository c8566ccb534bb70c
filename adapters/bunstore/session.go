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

// A question is a statement and what is done with each row of its answer.
type question struct {
	text  string
	named args
	each  func(row) error
}

// An asker asks questions, one after the other, until one gives an error.
type asker func(ctx context.Context, all ...question) error

// ask is an [asker]. It is for what runs all the time: the database keeps how it is to be run.
func (s session) ask(ctx context.Context, all ...question) error {
	for _, q := range all {
		if err := s.run(ctx, s.hot(), q); err != nil {
			return err
		}
	}
	return nil
}

// query runs a statement that runs now and then, and gives each row of its result.
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
