package bunstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/uptrace/bun"
)

const (
	reruns = 8                // the maximum of runs of a transaction that conflicts with others
	bound  = 10 * time.Second // the time limit of one transaction, COMMIT included
)

// transact runs do in a transaction. It repeats the whole transaction like [Store.rerun].
func (s *Store) transact(ctx context.Context, do func(tx session) error) error {
	return s.rerun(ctx, func(life context.Context, conn bun.Conn) error { return s.once(life, conn, do) })
}

// rerun runs a transaction. It runs the transaction again after a conflict, or if the connection was dead: up
// to reruns times in all. Each run has a connection to itself until it ends.
//
// The end of ctx ends the statements of a run, but not its COMMIT, because the result of an interrupted
// COMMIT would be unknown. The COMMIT has the context life, which ends after the time limit bound.
func (s *Store) rerun(ctx context.Context, run func(life context.Context, conn bun.Conn) error) error {
	err := repeat(ctx, func() error { return s.alone(ctx, run) })
	s.disk.note(err)
	return err
}

// repeat calls run until it succeeds, up to reruns times. It stops early if another try would not help, see
// [again], or if ctx has ended.
func repeat(ctx context.Context, run func() error) (err error) {
	for range reruns {
		if err = run(); !again(err) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// alone does one run of [Store.rerun].
func (s *Store) alone(ctx context.Context, run func(life context.Context, conn bun.Conn) error) error {
	if s.kept != nil {
		s.kept.prepare(ctx, s.write.DB)
	}
	return s.borrow(ctx, func(conn bun.Conn) error {
		life, cancel := context.WithTimeout(context.WithoutCancel(ctx), bound)
		defer cancel()
		return run(life, conn)
	})
}

// borrow calls run with a connection of the pool, and returns the connection afterwards.
func (s *Store) borrow(ctx context.Context, run func(conn bun.Conn) error) error {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // this returns it to its pool
	return run(conn)
}

// transaction returns the options of a transaction. Behind a pooler they name the isolation level, because
// the settings of the session do not apply there.
func (s *Store) transaction() *sql.TxOptions {
	if s.pooled() {
		return &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	}
	return nil
}

// once runs do in one transaction on conn. It rolls back after an error of do, otherwise it commits.
func (s *Store) once(life context.Context, conn bun.Conn, do func(tx session) error) error {
	tx, err := conn.BeginTx(life, s.transaction())
	if err != nil && !s.embedded() {
		return beginError{err}
	}
	if err == nil && s.pooled() {
		_, err = tx.Tx.ExecContext(life, local)
	}
	if err != nil {
		return err
	}
	on := session{s.dialect, tx.Tx}
	if s.kept != nil {
		on.on = keptConn{tx.Tx, s.kept}
	}
	if err := do(on); err != nil {
		_ = tx.Rollback() // the first error is more important
		return err
	}
	return tx.Commit()
}
