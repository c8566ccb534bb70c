package bunstore

import (
	"context"
	"iter"
	"time"

	"github.com/uptrace/bun"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// importKeys implements [layout]. It does not use COPY, because the error of a COPY to many servers does not name
// the row that failed.
func (distributed) importKeys(ctx context.Context, s session, pool *bun.DB, b adminstore.ImportBatch, from iter.Seq2[keys.Key, error]) error {
	tx, err := pool.DB.BeginTx(ctx, s.txOptions())
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // Rollback does nothing after a COMMIT
	s.on = tx
	if err := s.importDistributed(ctx, b, from); err != nil {
		return err
	}
	return tx.Commit()
}

func (s session) importDistributed(ctx context.Context, b adminstore.ImportBatch, from iter.Seq2[keys.Key, error]) error {
	now, err := readTime(ctx, s.runCached)
	if err == nil {
		_, err = s.exec(ctx, noTimeoutsSQL, nil)
	}
	if err == nil {
		err = recordBatch(ctx, s.exec, b)
	}
	if err == nil && b.Type == tasks.EventImported { // imports take turns, as in [copyInto]
		_, err = s.exec(ctx, importLockSQL, nil)
	}
	if err != nil {
		return err
	}
	return chunks(from, func(before int, some []keys.Key) error {
		row, err := s.insertChunk(ctx, b, now, some)
		if err == nil && row > 0 {
			err = adminstore.RowError{Row: before + row, Err: adminstore.ErrExists}
		}
		return err
	})
}

// insertChunk inserts keys, each with its history entry, and returns 0. If a code exists already or comes
// twice, it returns the place of the first such key, from 1, and the caller must roll back.
func (s session) insertChunk(ctx context.Context, b adminstore.ImportBatch, now time.Time, some []keys.Key) (int, error) {
	list := keyTable.Columns.List("%")
	inserted := map[keys.Code]bool{}
	err := s.runOnce(ctx, `
		INSERT INTO keyseat_keys (batch_id, `+list+`) SELECT @batch, `+list+` FROM @r ORDER BY place
		ON CONFLICT (code) DO NOTHING RETURNING code`,
		query.Args{"r": query.InlineRows(keyTable.Rows(some)), "batch": b.ID}, query.Each(query.Text[keys.Code], func(code keys.Code) { inserted[code] = true }))
	entries := make([]tasks.HistoryEntry, len(some))
	for i, k := range some {
		if err == nil && !inserted[k.Code] {
			return i + 1, nil
		}
		delete(inserted, k.Code) // a later key with this code is a duplicate
		entries[i] = tasks.HistoryEntry{Change: b.ID, Event: b.Event(now, k.Code)}
	}
	if err == nil {
		_, err = s.exec(ctx, addHistorySQL, query.Args{"r": query.InlineRows(historyTable.Rows(entries))})
	}
	return 0, err
}
