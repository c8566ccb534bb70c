package bunstore

import (
	"context"
	"database/sql"
	"sync"
)

// kept is a cache of prepared statements for SQLite. It keeps them from one transaction to the next, because
// parsing a statement takes as long as running it for a few rows.
type kept struct {
	mu     sync.Mutex
	known  map[string]*sql.Stmt // by text; nil until the statement is prepared
	wanted []string             // texts for the next call of prepare
}

// prepare prepares the statements that [kept.find] did not have. Call it before a transaction, because it
// needs the only connection of the writer.
func (k *kept) prepare(ctx context.Context, db *sql.DB) {
	k.mu.Lock()
	wanted := k.wanted
	k.wanted = nil
	k.mu.Unlock()
	for _, text := range wanted {
		s, err := db.PrepareContext(ctx, text) //nolint:sqlclosecheck // it lives as long as the pool
		k.mu.Lock()
		if k.known[text] = s; err != nil {
			delete(k.known, text) // the next find asks for it again
		}
		k.mu.Unlock()
	}
}

// find returns the prepared statement for a text. If the cache does not have it, find returns nil, and the
// next [kept.prepare] prepares it.
func (k *kept) find(text string) *sql.Stmt {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, found := k.known[text]
	if !found {
		k.known[text], k.wanted = nil, append(k.wanted, text)
	}
	return s
}

// A keptConn is a [conn] for a transaction that uses prepared statements from a [kept].
type keptConn struct {
	*sql.Tx
	*kept
}

// QueryContext runs a query. It uses the prepared statement if the cache has it.
func (c keptConn) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if s := c.find(text); s != nil {
		return c.StmtContext(ctx, s).QueryContext(ctx, args...) //nolint:sqlclosecheck // the transaction closes it
	}
	return c.Tx.QueryContext(ctx, text, args...)
}

// ExecContext runs a statement without rows. It uses the prepared statement if the cache has it.
func (c keptConn) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	if s := c.find(text); s != nil {
		return c.StmtContext(ctx, s).ExecContext(ctx, args...) //nolint:sqlclosecheck // the transaction closes it
	}
	return c.Tx.ExecContext(ctx, text, args...)
}
