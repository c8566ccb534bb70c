package bunstore

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/pgxconn"
	"github.com/keyseat/keyseat/tasks"
)

// Apply implements [tasks.Store].
func (s *Store) Apply(ctx context.Context, changes []tasks.Change) (errs []error, err error) {
	if len(changes) == 0 {
		return nil, nil
	}
	err = s.retryTx(ctx, func(life context.Context, conn bun.Conn) error {
		errs, err = s.applyInTx(ctx, life, conn, changes)
		return err
	})
	if err != nil {
		return nil, s.wrap("apply", err)
	}
	s.afterErase(ctx, changes)
	return errs, nil
}

// applyInTx applies changes in one transaction on conn: pipelined if its driver is pgx, otherwise through
// database/sql. The end of ctx does not end a COMMIT; the end of life does.
func (s *Store) applyInTx(ctx, life context.Context, conn bun.Conn, changes []tasks.Change) (errs []error, err error) {
	isPgx, err := pgxconn.With(conn.Conn, s.sql, s.pooled, func(c pgxconn.Conn) (err error) {
		errs, err = s.applyPipelined(ctx, life, c.Pipeline(), changes)
		return err
	})
	if isPgx || err != nil {
		return errs, err
	}
	err = s.inTx(life, conn, func(tx session) error {
		errs, err = tx.apply(ctx, changes)
		return err
	})
	return errs, err
}

// applyPipelined does the work of [session.apply] in two round trips:
//
//	1  BEGIN, locks, reads
//	2  writes, COMMIT      the server skips the COMMIT if a write fails
//
// A refused change takes one more round trip. So does the COMMIT of a distributed store, and each
// statement that the connection has not prepared yet.
func (s *Store) applyPipelined(ctx, life context.Context, p *pgxconn.Pipeline, changes []tasks.Change) (errs []error, err error) {
	defer func() {
		if err != nil {
			p.Rollback(life)
		}
	}()
	short, cancel := context.WithTimeout(ctx, dberr.TxTimeout)
	defer cancel()
	l, errs, err := lockAndCheck(short, p.Run, changes, s.distributed)
	if err == nil {
		err = short.Err()
	}
	switch {
	case err != nil:
	case s.distributed:
		if err = l.writeCAS(life, p.Run); err == nil {
			err = p.Commit(life)
		}
	default:
		err = asErrLost(p.Commit(life, writeAllQuery(l.tableWrites())...))
	}
	return errs, err
}
