package bunstore

import (
	"context"
	"time"
)

const (
	reruns = 8                // of a transaction that others keep from succeeding
	bound  = 10 * time.Second // of one transaction, its COMMIT included
)

// transact runs do in a transaction, again from the start when the database asks for that.
func (s *Store) transact(ctx context.Context, do func(tx session) error) (err error) {
	for range reruns {
		if err = s.once(ctx, do); !again(err) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// once runs do in a transaction. The end of ctx ends the statements, but not a COMMIT that is on its
// way, because then nobody would know what has become of it.
func (s *Store) once(ctx context.Context, do func(tx session) error) error {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it goes back to its pool
	life, cancel := context.WithTimeout(context.WithoutCancel(ctx), bound)
	defer cancel()
	tx, err := conn.BeginTx(life, nil)
	if err != nil && !s.embedded() {
		return beginError{err}
	}
	if err != nil {
		return err
	}
	if err := do(session{s.dialect, tx.Tx}); err != nil {
		_ = tx.Rollback() // the first error is the one that tells
		return err
	}
	return tx.Commit()
}
