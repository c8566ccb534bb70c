package bunstore

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"

	"github.com/keyseat/keyseat/tasks"
)

// applyOnce applies changes in one transaction on conn: pipelined if its driver is pgx, otherwise through
// database/sql. The end of ctx does not end a COMMIT; the end of life does.
func (s *Store) applyOnce(ctx, life context.Context, conn bun.Conn, changes []tasks.Change) (errs []error, err error) {
	done, err := straight(conn, func(inner *pgx.Conn) (err error) {
		errs, err = s.applyPiped(ctx, life, inner, changes)
		return err
	})
	if done || err != nil {
		return errs, err
	}
	err = s.once(life, conn, func(tx session) error {
		errs, err = tx.apply(ctx, changes)
		return err
	})
	return errs, err
}

// applyPiped does the work of [session.apply] in two round trips:
//
//	1  BEGIN, locks, reads
//	2  writes, COMMIT      the server skips the COMMIT if a write fails
//
// A refused change takes one more round trip. So does the COMMIT of a distributed store, and each
// statement that the connection has not prepared yet.
func (s *Store) applyPiped(ctx, life context.Context, conn *pgx.Conn, changes []tasks.Change) (errs []error, err error) {
	p := &pipe{conn: conn, dialect: s.dialect}
	defer func() {
		if err != nil {
			rollback(life, conn)
		}
	}()
	short, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	l, errs, err := lockAndCheck(short, p.ask, changes, s.sharded())
	if err == nil {
		err = short.Err()
	}
	end := []question{{text: "COMMIT"}}
	switch {
	case err != nil:
	case s.sharded():
		if err = l.writeCAS(life, p.ask); err == nil {
			err = p.ask(life, end...)
		}
	default:
		err = asErrLost(p.ask(life, append(writeAllQuery(l.tableWrites()), end...)...))
	}
	return errs, err
}

// rollback ends a failed transaction. It closes the connection if that fails.
func rollback(ctx context.Context, conn *pgx.Conn) {
	if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
		_ = conn.Close(ctx) // otherwise its rows would stay locked until the pool uses the connection again
	}
}

// A pipe is a connection for one transaction, which begins with the first call of ask.
type pipe struct {
	conn    *pgx.Conn
	dialect dialect
	begun   bool
}

// ask is an [asker]. It sends all statements in one round trip.
func (p *pipe) ask(ctx context.Context, all ...question) error {
	if !p.begun {
		all = slices.Concat(opening(p.dialect), all)
	}
	err := send(ctx, p.dialect, p.conn, all...)
	if err == nil {
		p.begun = true
	}
	return p.whether(ctx, err)
}

// send sends statements in one round trip and reads their results. It first prepares each statement that
// the connection has not prepared yet.
func send(ctx context.Context, d dialect, conn *pgx.Conn, all ...question) error {
	var flight pgx.Batch
	for _, q := range all {
		if q.each == nil {
			flight.Queue(q.text)
			continue
		}
		text, values, err := prepared(ctx, d, conn, q)
		if err != nil {
			return err
		}
		flight.Queue(text, values...).Query(func(rows pgx.Rows) error { return collect(rows, q) })
	}
	return conn.SendBatch(ctx, &flight).Close()
}

// whether handles an error of the first round trip: if the connection was dead, it wraps the error in a
// [beginError], so that the transaction runs again. It returns the errors of later round trips as they are.
func (p *pipe) whether(ctx context.Context, err error) error {
	if p.begun {
		return err
	}
	return dead(ctx, p.conn, err)
}
