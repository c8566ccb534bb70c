package bunstore

import (
	"context"
	"database/sql"
	"sync"
)

// kept are statements that stay prepared from one of SQLite's transactions to the next, since to parse
// one takes as long as to run it for a few rows.
type kept struct {
	mu     sync.Mutex
	known  map[string]*sql.Stmt // nil while they are being prepared
	wanted []string
}

// prepare prepares what was wanted before. It needs a connection, so it comes before a transaction.
func (k *kept) prepare(ctx context.Context, db *sql.DB) {
	k.mu.Lock()
	wanted := k.wanted
	k.wanted = nil
	k.mu.Unlock()
	for _, text := range wanted {
		s, err := db.PrepareContext(ctx, text) //nolint:sqlclosecheck // it lives as long as the pool
		k.mu.Lock()
		if k.known[text] = s; err != nil {
			delete(k.known, text) // it is wanted again the next time
		}
		k.mu.Unlock()
	}
}

// find gives a statement, or nil and wants it.
func (k *kept) find(text string) *sql.Stmt {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, found := k.known[text]
	if !found {
		k.known[text], k.wanted = nil, append(k.wanted, text)
	}
	return s
}

// A keptConn is a [conn], the transaction whose statements are kept.
type keptConn struct {
	*sql.Tx
	*kept
}

// QueryContext runs a query.
func (c keptConn) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if s := c.find(text); s != nil {
		return c.StmtContext(ctx, s).QueryContext(ctx, args...) //nolint:sqlclosecheck // the transaction closes it
	}
	return c.Tx.QueryContext(ctx, text, args...)
}

// ExecContext runs a statement without rows.
func (c keptConn) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	if s := c.find(text); s != nil {
		return c.StmtContext(ctx, s).ExecContext(ctx, args...) //nolint:sqlclosecheck // the transaction closes it
	}
	return c.Tx.ExecContext(ctx, text, args...)
}
