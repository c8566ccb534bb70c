package bunstore

import (
	"context"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// insertKeys imports keys in chunks of up to [importChunk] keys, each key with its history entry. It does not use
// COPY, because the error of a COPY to many servers does not name the row that failed.
func (s *Store) insertKeys(ctx context.Context, b adminstore.ImportBatch, from *keySource) error {
	tx, err := s.write.DB.BeginTx(ctx, s.txOptions())
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // Rollback does nothing after a COMMIT
	on, err := s.session(tx).timed(ctx)
	if err == nil {
		_, err = on.exec(ctx, noTimeoutsSQL, nil)
	}
	if err == nil {
		err = recordBatch(ctx, on.exec, b)
	}
	if err == nil && b.Type == tasks.EventImported { // imports take turns, as in [copyInto]
		_, err = on.exec(ctx, importLockSQL, nil)
	}
	if err == nil {
		err = on.insertAll(ctx, b, from)
	}
	if err != nil {
		return err
	}
	return tx.Commit()
}

// insertAll inserts every key. If a code exists already or comes twice, it returns an [adminstore.RowError] with the
// first such row.
func (s session) insertAll(ctx context.Context, b adminstore.ImportBatch, from *keySource) error {
	some, before := make([]keys.Key, 0, importChunk), 0
	flush := func() error {
		row, err := s.insertChunk(ctx, b, some)
		if err == nil && row > 0 {
			err = adminstore.RowError{Row: before + row, Err: adminstore.ErrExists}
		}
		some, before = some[:0], before+len(some)
		return err
	}
	err := from.each(func(k keys.Key) error {
		if some = append(some, k); len(some) < importChunk {
			return nil
		}
		return flush()
	})
	if err != nil || len(some) == 0 {
		return err
	}
	return flush()
}

// insertChunk inserts keys with their history entries, and returns 0. If a code exists already or comes twice,
// it returns the place of the first such key, from 1, and the caller must roll back.
func (s session) insertChunk(ctx context.Context, b adminstore.ImportBatch, some []keys.Key) (int, error) {
	list := keyTable.Columns.List("%")
	fresh := map[keys.Code]bool{}
	err := s.runOnce(ctx, `
		INSERT INTO keyseat_keys (batch_id, `+list+`) SELECT @batch, `+list+` FROM @r ORDER BY place
		ON CONFLICT (code) DO NOTHING RETURNING code`,
		query.Args{"r": query.InlineRows(keyTable.Rows(some)), "batch": b.ID}, func(r query.Row) error {
			var code keys.Code
			err := r.Scan([]query.Column{query.Text(&code)})
			fresh[code] = true
			return err
		})
	lines := make([]tasks.HistoryEntry, len(some))
	for i, k := range some {
		if err == nil && !fresh[k.Code] {
			return i + 1, nil
		}
		delete(fresh, k.Code) // a later key with this code is a duplicate
		lines[i] = tasks.HistoryEntry{Change: b.ID, Event: b.Event(s.processTime(), k.Code)}
	}
	if err == nil {
		_, err = s.exec(ctx, addHistorySQL, query.Args{"r": query.InlineRows(historyTable.Rows(lines))})
	}
	return 0, err
}
