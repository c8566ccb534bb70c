package bunstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/jackc/pgx/v5"
)

// What a transaction sets for itself behind a pooler, where no session has [settings]. Nothing is set for
// the planner, because it plans each statement with its arguments.
const local = `SELECT set_config('lock_timeout', '2s', true),
	set_config('idle_in_transaction_session_timeout', '10s', true), set_config('jit', 'off', true)`

// opening begins a transaction.
func opening(d dialect) []question {
	if d.pooled() {
		return []question{{text: "BEGIN ISOLATION LEVEL READ COMMITTED"}, {text: local}}
	}
	return []question{{text: "BEGIN"}}
}

// flights are a [conn] behind a pooler. A single statement is a transaction there, with its settings, and
// still takes one round trip.
type flights struct {
	*sql.DB
	store *Store
}

// ask runs one statement. It is sent again only where certainly nothing was sent.
func (f flights) ask(ctx context.Context, q question) error {
	return f.store.past(ctx, single, unsent, func(ask asker) error { return ask(ctx, q) })
}

// taker is the [way] of a single statement that writes.
func (s *Store) taker() way {
	if s.pooled() {
		return single
	}
	return looker
}

// single gives an [asker] of a transaction that takes one round trip.
func single(d dialect, conn *pgx.Conn) asker {
	return func(ctx context.Context, all ...question) error {
		all = append(append(opening(d), all...), question{text: "COMMIT"})
		err := send(ctx, d, conn, all...)
		if err != nil && conn.PgConn().TxStatus() != 'I' {
			short, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			rollback(short, conn)
		}
		return err
	}
}
