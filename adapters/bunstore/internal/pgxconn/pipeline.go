package pgxconn

import (
	"context"
	"slices"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
)

// A Pipeline is one transaction on a connection. It begins with the first call of [Pipeline.Run], and ends
// with [Pipeline.Commit] or [Pipeline.Rollback].
type Pipeline struct {
	Conn
	started bool
}

// Pipeline returns a transaction that has not begun yet.
func (c Conn) Pipeline() *Pipeline { return &Pipeline{Conn: c} }

// Run sends all queries in one round trip, the first time together with BEGIN. It is a [query.Runner].
//
// If the connection is dead at the first call, the error is a [dberr.NotStartedError], because the transaction
// may run again. Errors of later calls are returned as they are.
func (p *Pipeline) Run(ctx context.Context, all ...query.Query) error {
	if p.started {
		return p.send(ctx, all...)
	}
	err := p.send(ctx, slices.Concat(p.begin(), all)...)
	p.started = err == nil
	return IfDead(ctx, p.Conn, err)
}

// Commit sends queries and COMMIT in one round trip. If a query fails, the server skips the COMMIT.
func (p *Pipeline) Commit(ctx context.Context, all ...query.Query) error {
	return p.Run(ctx, append(all, query.Query{SQL: "COMMIT"})...)
}

// Rollback ends a failed transaction. It closes the connection if that fails.
func (p *Pipeline) Rollback(ctx context.Context) { p.rollback(ctx) }
