package bunstore

import (
	"context"
	"database/sql"
	"sync"
)

// stmtCache is a cache of prepared statements for SQLite. It keeps them from one transaction to the next, because
// parsing a statement takes as long as running it for a few rows.
type stmtCache struct {
	mu       sync.Mutex
	prepared map[string]*sql.Stmt // by text; nil until the statement is prepared
	pending  []string             // texts for the next call of prepare
}

func newStmtCache() *stmtCache { return &stmtCache{prepared: map[string]*sql.Stmt{}} }

// prepare prepares the statements that [stmtCache.get] did not have. Call it before a transaction, because it
// needs the only connection of the writer.
func (k *stmtCache) prepare(ctx context.Context, db *sql.DB) {
	k.mu.Lock()
	wanted := k.pending
	k.pending = nil
	k.mu.Unlock()
	for _, text := range wanted {
		s, err := db.PrepareContext(ctx, text) //nolint:sqlclosecheck // it lives as long as the pool
		k.mu.Lock()
		if k.prepared[text] = s; err != nil {
			delete(k.prepared, text) // the next get adds it to pending again
		}
		k.mu.Unlock()
	}
}

// get returns the prepared statement for a text. If the cache does not have it, get returns nil, and the
// next [stmtCache.prepare] prepares it.
func (k *stmtCache) get(text string) *sql.Stmt {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, found := k.prepared[text]
	if !found {
		k.prepared[text], k.pending = nil, append(k.pending, text)
	}
	return s
}

// A cachedTx is a [conn] for a transaction that uses prepared statements from a [stmtCache].
type cachedTx struct {
	*sql.Tx
	*stmtCache
}

// QueryContext runs a query. It uses the prepared statement if the cache has it.
func (c cachedTx) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if s := c.get(text); s != nil {
		return c.StmtContext(ctx, s).QueryContext(ctx, args...) //nolint:sqlclosecheck // the transaction closes it
	}
	return c.Tx.QueryContext(ctx, text, args...)
}

// ExecContext runs a statement without rows. It uses the prepared statement if the cache has it.
func (c cachedTx) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	if s := c.get(text); s != nil {
		return c.StmtContext(ctx, s).ExecContext(ctx, args...) //nolint:sqlclosecheck // the transaction closes it
	}
	return c.Tx.ExecContext(ctx, text, args...)
}
