package bunstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/uptrace/bun"
)

const (
	reruns = 8                // of a transaction that others keep from succeeding
	bound  = 10 * time.Second // of one transaction, its COMMIT included
)

// transact runs do in a transaction, again from the start when the database asks for that.
func (s *Store) transact(ctx context.Context, do func(tx session) error) error {
	return s.rerun(ctx, func(life context.Context, conn bun.Conn) error { return s.once(life, conn, do) })
}

// rerun runs a transaction, again when the database asks for that, each time on a connection that is
// its own as long as it lives. The end of ctx ends the statements, but not a COMMIT that is on its way,
// because then nobody would know what has become of it: that lives as long as life.
func (s *Store) rerun(ctx context.Context, run func(life context.Context, conn bun.Conn) error) error {
	err := repeat(ctx, func() error { return s.alone(ctx, run) })
	s.disk.note(err)
	return err
}

func repeat(ctx context.Context, run func() error) (err error) {
	for range reruns {
		if err = run(); !again(err) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

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

func (s *Store) borrow(ctx context.Context, run func(conn bun.Conn) error) error {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it goes back to its pool
	return run(conn)
}

// transaction is how one begins. Behind a pooler it does not leave its isolation to the session.
func (s *Store) transaction() *sql.TxOptions {
	if s.pooled() {
		return &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	}
	return nil
}

// once runs do in a transaction.
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
		_ = tx.Rollback() // the first error is the one that tells
		return err
	}
	return tx.Commit()
}
