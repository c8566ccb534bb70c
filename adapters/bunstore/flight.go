package bunstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/jackc/pgx/v5"
)

// local sets parameters for one transaction behind a pooler, where sessions do not have [settings]. It
// sets nothing for the planner, because Postgres plans each statement with its arguments there.
const local = `SELECT set_config('lock_timeout', '2s', true),
	set_config('idle_in_transaction_session_timeout', '10s', true), set_config('jit', 'off', true)`

// opening returns the statements that begin a transaction.
func opening(d dialect) []question {
	if d.pooled() {
		return []question{{text: "BEGIN ISOLATION LEVEL READ COMMITTED"}, {text: local}}
	}
	return []question{{text: "BEGIN"}}
}

// flights is a [conn] behind a pooler. It runs a single query in a transaction of its own, with the settings
// of [local]. Such a transaction takes one round trip.
type flights struct {
	*sql.DB
	store *Store
}

// ask runs one statement. It retries only if the statement was certainly not sent.
func (f flights) ask(ctx context.Context, q question) error {
	return f.store.past(ctx, single, unsent, func(ask asker) error { return ask(ctx, q) })
}

// taker returns the [way] to run a single statement that writes.
func (s *Store) taker() way {
	if s.pooled() {
		return single
	}
	return looker
}

// single returns an [asker] that runs its statements in one transaction, in one round trip.
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
