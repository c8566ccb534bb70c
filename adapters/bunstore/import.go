package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	modernc "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// ImportKeys implements [adminstore.AdminStore]. It streams the keys, so that only a few are in memory at a time.
// The daemon continues to serve requests and to issue keys during an import.
//
// On Postgres only one import of existing keys ([tasks.EventImported]) runs at a time, and further imports wait.
// Batches of issued keys do not wait. On SQLite an import ends with a transaction that copies all keys into the table.
// All other writes wait for this transaction, which takes seconds for a million keys.
func (s *Store) ImportKeys(ctx context.Context, b adminstore.ImportBatch, all iter.Seq2[keys.Key, error]) (err error) {
	var broken error
	from := initialKeys(all, &broken)
	if s.isSQLite {
		err = s.stageKeys(ctx, b, from)
	} else {
		err = s.importPostgres(ctx, b, from)
	}
	fault, found := errors.AsType[adminstore.RowError](err)
	switch {
	case broken != nil:
		return broken
	case found:
		return fault
	case errors.Is(err, adminstore.ErrBatch):
		return adminstore.ErrBatch
	}
	return s.wrap("import", err)
}

// initialKeys yields the keys of an import as they are first stored. It sets the fields that belong to the store:
// Version, Task, NextTaskAt and FailedLogins. It ends with the first error of the sequence, and stores it in broken.
func initialKeys(all iter.Seq2[keys.Key, error], broken *error) iter.Seq2[keys.Key, error] {
	return func(yield func(keys.Key, error) bool) {
		for k, err := range all {
			k.Version, k.Task, k.NextTaskAt, k.FailedLogins = 1, "", time.Time{}, 0
			*broken = err
			if !yield(k, err) || err != nil {
				return
			}
		}
	}
}

// chunks calls do for chunks of up to 500 keys. The first argument of do is the number of keys in earlier chunks.
func chunks(from iter.Seq2[keys.Key, error], do func(before int, some []keys.Key) error) error {
	const size = 500
	some, before := make([]keys.Key, 0, size), 0
	for k, err := range from {
		if err != nil {
			return err
		}
		if some = append(some, k); len(some) < size {
			continue
		}
		if err := do(before, some); err != nil {
			return err
		}
		some, before = some[:0], before+size
	}
	if len(some) == 0 {
		return nil
	}
	return do(before, some)
}

// recordBatch records a batch. It returns [adminstore.ErrBatch] if the batch is recorded already.
//
// An import calls recordBatch before it writes keys, so that a second import with the same id waits for the first.
func (s session) recordBatch(ctx context.Context, b adminstore.ImportBatch) error {
	n, err := s.exec(ctx, `INSERT INTO keyseat_batches (id, created_at) VALUES (@batch, @now) ON CONFLICT DO NOTHING`,
		query.Args{"batch": b.ID})
	if err == nil && n == 0 {
		err = adminstore.ErrBatch
	}
	return err
}

func (s session) recordImported(ctx context.Context, b adminstore.ImportBatch) error {
	_, err := s.exec(ctx, `
		INSERT INTO keyseat_history (code, change_id, n, at, cause, task_id, kind, outcome, plan_id, slot_from, slot_to, note, fresh)
		SELECT code, batch_id, 0, @now, @cause, '', '', '', '', '', '', @note, `+hasSubscribersSQL+`
		FROM keyseat_keys WHERE batch_id = @batch`, query.Args{"batch": b.ID, "cause": string(b.Type), "note": b.Note})
	return err
}

func (s *Store) importPostgres(ctx context.Context, b adminstore.ImportBatch, from iter.Seq2[keys.Key, error]) error {
	return s.withConn(ctx, func(conn bun.Conn) error {
		tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // Rollback does nothing after a COMMIT
		on := s.session(tx.Tx)
		if err := on.beginImport(ctx, b); err != nil {
			return err
		}
		if err := s.layout.importKeys(ctx, on, conn.Conn, b, from); err != nil {
			return err
		}
		return tx.Commit()
	})
}

// noTimeouts removes the time limits of a transaction. Only PostgreSQL 17 and later have a transaction_timeout.
const noTimeouts = `SELECT set_config(name, '0', true) FROM pg_settings WHERE name IN
	('lock_timeout', 'statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout')`

// beginImport removes the time limits of the transaction, because an import waits for other imports, and its keys may
// arrive slowly. It records the batch.
//
// Imports take turns, because two imports of the same codes could deadlock on each other's rows. Issued keys need not
// wait, because their codes are new: no other batch has them.
func (s session) beginImport(ctx context.Context, b adminstore.ImportBatch) error {
	_, err := s.exec(ctx, noTimeouts, nil)
	if err == nil {
		err = s.recordBatch(ctx, b)
	}
	if err == nil && b.Type == tasks.EventImported {
		_, err = s.exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('keyseat import'))", nil)
	}
	return err
}

// importKeys implements [layout] with COPY.
func (oneServer) importKeys(ctx context.Context, s session, conn *sql.Conn, b adminstore.ImportBatch, from iter.Seq2[keys.Key, error]) error {
	err := conn.Raw(func(driver any) error {
		through, isPgx := driver.(*stdlib.Conn)
		if !isPgx {
			return dberr.Public("an import needs pgx's stdlib driver")
		}
		return copyKeys(ctx, through.Conn(), b, from)
	})
	if err != nil {
		return err
	}
	return s.recordImported(ctx, b)
}

func copyKeys(ctx context.Context, conn *pgx.Conn, b adminstore.ImportBatch, from iter.Seq2[keys.Key, error]) error {
	names := []string{"batch_id"}
	keyTable.Columns.Each(func(name, _ string) { names = append(names, name) })
	next, stop := iter.Pull2(from)
	defer stop()
	_, err := conn.CopyFrom(ctx, pgx.Identifier{keyTable.Name}, names, pgx.CopyFromFunc(func() ([]any, error) {
		k, err, more := next()
		if !more || err != nil {
			return nil, err
		}
		return append([]any{b.ID}, keyTable.Values(&k)...), nil
	}))
	return asRowError(err)
}

// asRowError converts the error of a COPY with a duplicate code to an [adminstore.RowError], and no other error.
func asRowError(err error) error {
	server, found := errors.AsType[*pgconn.PgError](err)
	if !found || server.Code != pgerrcode.UniqueViolation {
		return err
	}
	_, where, _ := strings.Cut(server.Where, keyTable.Name) // for example "COPY keyseat_keys, line 5", in the language of the server
	line, _ := strconv.Atoi(number.FindString(where))       // 0 if the text has no number
	return adminstore.RowError{Row: line, Err: adminstore.ErrExists}
}

var number = regexp.MustCompile(`\d+`)

// stageKeys imports keys through a temporary table, which only its connection can see. Filling that table
// locks nothing that other connections need. One transaction then copies all keys to keyseat_keys.
func (d *database) stageKeys(ctx context.Context, b adminstore.ImportBatch, from iter.Seq2[keys.Key, error]) error {
	conn, err := d.read.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // returns the connection to its pool
	stage := d.session(conn.Conn)
	err = stage.runOnce(ctx, `SELECT 1 FROM keyseat_batches WHERE id = @batch`, query.Args{"batch": b.ID},
		func(query.Row) error { return adminstore.ErrBatch })
	if err != nil {
		return err // this check comes first, because the keys of a batch that is recorded already need not be read
	}
	const drop = `DROP TABLE IF EXISTS temp.keyseat_staged` // an earlier import may have failed to drop its table
	list := keyTable.Columns.List("%")
	create := `CREATE TEMP TABLE keyseat_staged AS SELECT 0 AS row, ` + list + ` FROM keyseat_keys WHERE false`
	if _, err := stage.execAll(ctx, nil, drop, create); err != nil {
		return err
	}
	// Drop the table even if ctx has ended, because the connection returns to its pool.
	defer func() { _, _ = stage.exec(context.WithoutCancel(ctx), drop, nil) }() // if this fails, the next import drops the table
	err = chunks(from, func(before int, some []keys.Key) error {
		_, err := stage.exec(ctx, `WITH @k INSERT INTO temp.keyseat_staged SELECT k.place + @first, `+list+` FROM k`,
			query.Args{"k": keyTable.Rows(some), "first": before + 1})
		return err
	})
	if err != nil {
		return err
	}
	return conn.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		moving := d.session(tx.Tx)
		err := moving.recordBatch(ctx, b)
		if err == nil {
			err = moving.moveStaged(ctx, b)
		}
		if err == nil {
			err = moving.recordImported(ctx, b)
		}
		return err
	})
}

// moveStaged copies the staged keys to keyseat_keys. If a code exists already or comes twice, it returns an
// [adminstore.RowError] with the number of the first such row.
func (s session) moveStaged(ctx context.Context, b adminstore.ImportBatch) error {
	_, err := s.exec(ctx, `INSERT INTO keyseat_keys (batch_id, `+keyTable.Columns.List("%")+`) SELECT @batch, `+keyTable.Columns.List("%")+
		` FROM temp.keyseat_staged ORDER BY code`, query.Args{"batch": b.ID})
	broken, found := errors.AsType[*modernc.Error](err)
	if !found || broken.Code() != lib.SQLITE_CONSTRAINT_PRIMARYKEY {
		return err
	}
	return s.firstDuplicate(ctx)
}

func (s session) firstDuplicate(ctx context.Context) error {
	if _, err := s.exec(ctx, `CREATE INDEX temp.keyseat_staged_code ON keyseat_staged (code, row)`, nil); err != nil {
		return err
	}
	fault := adminstore.RowError{Err: adminstore.ErrExists}
	err := s.runOnce(ctx, `
		SELECT min(row) FROM temp.keyseat_staged AS x
		WHERE EXISTS (SELECT 1 FROM keyseat_keys k WHERE k.code = x.code)
			OR EXISTS (SELECT 1 FROM temp.keyseat_staged y WHERE y.code = x.code AND y.row < x.row)`,
		nil, query.Into(&fault.Row))
	if err != nil {
		return err
	}
	return fault
}
