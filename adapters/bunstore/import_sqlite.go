package bunstore

import (
	"context"
	"errors"

	"github.com/uptrace/bun"
	modernc "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// staged is how many keys go into the staging table at once.
const staged = 500

// stageKeys gathers keys in a table of the connection's own, which locks nothing that others need,
// and then moves all of them at once.
func (s *Store) stageKeys(ctx context.Context, b tasks.ImportBatch, from *source) error {
	conn, err := s.read.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // it goes back to its pool
	stage := session{s.dialect, conn.Conn}
	if err := stage.unknown(ctx, b); err != nil {
		return err // before all its keys are read for nothing
	}
	if err := stage.unstaged(ctx); err != nil { // because an import that could not do so itself may have left one
		return err
	}
	if _, err := stage.exec(ctx, `CREATE TEMP TABLE keyseat_staged AS SELECT 0 AS row, `+keyTable.columns.list("%")+` FROM keyseat_keys WHERE false`, nil); err != nil {
		return err
	}
	// The table must go even if ctx has ended, because the connection lives on.
	defer func() { _ = stage.unstaged(context.WithoutCancel(ctx)) }() // the next import tries again
	if err := stage.gather(ctx, from); err != nil {
		return err
	}
	return conn.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		moving := session{s.dialect, tx.Tx}
		return arrive(ctx, moving.exec, b, func() error { return moving.unstage(ctx, b) })
	})
}

// unstaged drops the staging table, if it is there.
func (s session) unstaged(ctx context.Context) error {
	_, err := s.exec(ctx, `DROP TABLE IF EXISTS temp.keyseat_staged`, nil)
	return err
}

// gather fills the staging table.
func (s session) gather(ctx context.Context, from *source) error {
	var some []keys.Key
	row := 0
	flush := func() error {
		_, err := s.exec(ctx, `WITH @k INSERT INTO temp.keyseat_staged SELECT k.place + @first, `+keyTable.columns.list("k.%")+` FROM k`,
			args{"k": keyTable.batch(some), "first": row - len(some) + 1})
		some = some[:0]
		return err
	}
	err := from.each(func(k keys.Key) error {
		some, row = append(some, k), row+1
		if len(some) < staged {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// unstage moves the staged keys to the others, or finds the first that cannot.
func (s session) unstage(ctx context.Context, b tasks.ImportBatch) error {
	_, err := s.exec(ctx, `INSERT INTO keyseat_keys (batch_id, `+keyTable.columns.list("%")+`) SELECT @batch, `+keyTable.columns.list("%")+
		` FROM temp.keyseat_staged ORDER BY code`, args{"batch": b.ID})
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
	fault := tasks.RowError{Err: tasks.ErrExists}
	err := s.query(ctx, `
		SELECT min(row) FROM temp.keyseat_staged AS x
		WHERE EXISTS (SELECT 1 FROM keyseat_keys k WHERE k.code = x.code)
			OR EXISTS (SELECT 1 FROM temp.keyseat_staged y WHERE y.code = x.code AND y.row < x.row)`,
		nil, func(r row) error { return r.scan([]field{whole[int]{&fault.Row}}) })
	if err != nil {
		return err
	}
	return fault
}
