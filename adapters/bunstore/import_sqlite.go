package bunstore

import (
	"context"
	"errors"

	"github.com/uptrace/bun"
	modernc "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// stageKeys imports keys through a temporary table, which only its connection can see. Filling that table
// locks nothing that other connections need. One transaction then copies all keys to keyseat_keys.
func (d *database) stageKeys(ctx context.Context, b adminstore.ImportBatch, from *keySource) error {
	conn, err := d.read.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // returns the connection to its pool
	stage := d.session(conn.Conn)
	if err := stage.batchIsNew(ctx, b); err != nil {
		return err // checked first, because reading the keys would be useless
	}
	if err := stage.dropStaging(ctx); err != nil { // an earlier import may have failed to drop its table
		return err
	}
	if _, err := stage.exec(ctx, `CREATE TEMP TABLE keyseat_staged AS SELECT 0 AS row, `+keyTable.Columns.List("%")+` FROM keyseat_keys WHERE false`, nil); err != nil {
		return err
	}
	// Drop the table even if ctx has ended, because the connection returns to its pool.
	defer func() { _ = stage.dropStaging(context.WithoutCancel(ctx)) }() // the next import tries again
	if err := stage.fillStaging(ctx, from); err != nil {
		return err
	}
	return conn.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		moving := d.session(tx.Tx)
		return importBatch(ctx, moving.exec, b, func() error { return moving.moveStaged(ctx, b) })
	})
}

// batchIsNew returns nil if the batch has not been imported yet, and [adminstore.ErrBatch] otherwise.
func (s session) batchIsNew(ctx context.Context, b adminstore.ImportBatch) error {
	return s.runOnce(ctx, `SELECT 1 FROM keyseat_batches WHERE id = @batch`, query.Args{"batch": b.ID},
		func(query.Row) error { return adminstore.ErrBatch })
}

// dropStaging drops the staging table if it exists.
func (s session) dropStaging(ctx context.Context) error {
	_, err := s.exec(ctx, `DROP TABLE IF EXISTS temp.keyseat_staged`, nil)
	return err
}

// fillStaging fills the staging table with the keys.
func (s session) fillStaging(ctx context.Context, from *keySource) error {
	return from.chunks(func(before int, some []keys.Key) error {
		_, err := s.exec(ctx, `WITH @k INSERT INTO temp.keyseat_staged SELECT k.place + @first, `+keyTable.Columns.List("k.%")+` FROM k`,
			query.Args{"k": keyTable.Rows(some), "first": before + 1})
		return err
	})
}

// moveStaged copies the staged keys to keyseat_keys. If a code exists already or comes twice, it returns an
// [adminstore.RowError] with the first such row.
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
		nil, func(r query.Row) error { return r.Scan([]query.Column{query.Int(&fault.Row)}) })
	if err != nil {
		return err
	}
	return fault
}
