package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/pgxconn"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
)

// A conn is a pool, a connection or a transaction. It runs statements.
type conn = bun.IConn

// A session is a conn with the dialect of its database. It does the work of the methods of [Store]. A method
// that needs a transaction expects the conn to be one.
type session struct {
	dialect
	on  conn
	own query.Runner // runs a query in a transaction of its own; nil: on runs it
}

func (d dialect) session(on conn) session { return session{dialect: d, on: on} }

// runCached is a [query.Runner] for frequent statements: PostgreSQL keeps their plans, unless a pooler is in
// between.
func (s session) runCached(ctx context.Context, all ...query.Query) error {
	var options []any
	if !s.isSQLite && !s.pooled {
		options = pgxconn.CacheOptions()
	}
	for _, q := range all {
		if err := s.run(ctx, options, q); err != nil {
			return err
		}
	}
	return nil
}

// runOnce runs a rare statement, whose plan is not kept. It calls scan for every row of the result.
func (s session) runOnce(ctx context.Context, sql string, args query.Args, scan func(query.Row) error) error {
	return s.run(ctx, nil, query.Query{SQL: sql, Args: args, Scan: scan})
}

func (s session) run(ctx context.Context, options []any, q query.Query) error {
	if s.own != nil {
		return s.own(ctx, q)
	}
	text, values, err := query.Compile(s.sql, q)
	if err != nil {
		return err
	}
	rows, err := s.on.QueryContext(ctx, text, append(options, values...)...) //nolint:rowserrcheck // ScanRows checks it
	return query.ScanRows(rows, err, q.Scan)
}

// exec runs a statement and returns the number of rows that it has changed.
func (s session) exec(ctx context.Context, sql string, args query.Args) (int64, error) {
	text, values, err := query.Compile(s.sql, query.Query{SQL: sql, Args: args})
	if err != nil {
		return 0, err
	}
	result, err := s.on.ExecContext(ctx, text, values...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// timed returns a session whose @now is the present time of the database, which it reads first. A session that
// is not distributed is returned unchanged.
func (s session) timed(ctx context.Context) (session, error) {
	if !s.distributed {
		return s, nil
	}
	var now time.Time
	err := s.runCached(ctx, query.Query{SQL: `SELECT @now`, Scan: func(r query.Row) error {
		return r.Scan([]query.Column{query.Time(&now)})
	}})
	s.dialect = s.at(now)
	return s, err
}
