package bunstore

import (
	"context"
	"errors"
	"iter"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// importKeys implements [layout] for PostgreSQL: with COPY in one transaction.
func (oneServer) importKeys(ctx context.Context, _ session, pool *bun.DB, b adminstore.ImportBatch, from *keySource) error {
	conn, err := pool.DB.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // returns the connection to its pool
	return conn.Raw(func(driver any) error {
		through, isPgx := driver.(*stdlib.Conn)
		if !isPgx {
			return dberr.Public("an import needs pgx's stdlib driver")
		}
		return pgx.BeginTxFunc(ctx, through.Conn(), pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, noTimeoutsSQL); err != nil {
				return err
			}
			return importBatch(ctx, pgxExec(tx), b, func() error { return copyInto(ctx, tx, b, from) })
		})
	})
}

// noTimeoutsSQL removes the time limits of a transaction, because an import waits for other imports and its keys
// may arrive slowly.
const noTimeoutsSQL = `SELECT set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true),
	set_config('idle_in_transaction_session_timeout', '0', true)`

// pgxExec returns an [execFunc] for a transaction of pgx.
func pgxExec(tx pgx.Tx) execFunc {
	return func(ctx context.Context, text string, named query.Args) (int64, error) {
		text, values, err := query.Compile(query.Postgres(), query.Query{SQL: text, Args: named})
		if err != nil {
			return 0, err
		}
		tag, err := tx.Exec(ctx, text, values...)
		return tag.RowsAffected(), err
	}
}

const importLockSQL = "SELECT pg_advisory_xact_lock(hashtext('keyseat import'))"

func copyInto(ctx context.Context, tx pgx.Tx, b adminstore.ImportBatch, from *keySource) error {
	// Imports take turns, because two imports of the same codes could deadlock on each other's rows. Issued
	// keys need not wait, because their codes are new: no other batch has them.
	if b.Type == tasks.EventImported {
		if _, err := tx.Exec(ctx, importLockSQL); err != nil {
			return err
		}
	}
	names := []string{"batch_id"}
	keyTable.Columns.Each(func(name, _ string) { names = append(names, name) })
	next, stop := iter.Pull2(from.keys)
	defer stop()
	_, err := tx.CopyFrom(ctx, pgx.Identifier{keyTable.Name}, names, pgx.CopyFromFunc(func() ([]any, error) {
		k, err, more := next()
		if !more || err != nil {
			return nil, err
		}
		return append([]any{b.ID}, query.Values(keyTable.Fields(&k))...), nil
	}))
	return asRowError(err)
}

// asRowError converts the error of a COPY with a duplicate code to an [adminstore.RowError] with the row. It returns
// other errors unchanged.
func asRowError(err error) error {
	server, found := errors.AsType[*pgconn.PgError](err)
	if !found || server.Code != pgerrcode.UniqueViolation {
		return err
	}
	return adminstore.RowError{Row: copyLine(server.Where), Err: adminstore.ErrExists}
}

var number = regexp.MustCompile(`\d+`)

// copyLine returns the line number in a text such as "COPY keyseat_keys, line 5", in any language.
func copyLine(where string) int {
	_, where, _ = strings.Cut(where, keyTable.Name)
	line, _ := strconv.Atoi(number.FindString(where)) // 0 if the text has no number
	return line
}
