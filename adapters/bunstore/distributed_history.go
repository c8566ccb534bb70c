package bunstore

import (
	"context"
	"iter"
	"time"

	"github.com/uptrace/bun"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// lockArchivable implements [layout]. It waits for transactions that change the same keys.
func (distributed) lockArchivable(ctx context.Context, s session, want query.Rows, entries map[keys.Code]int) (map[keys.Code]bool, error) {
	type row struct {
		code  keys.Code
		n     int
		fresh bool
	}
	ours := map[keys.Code]bool{}
	named := query.Args{"codes": want.Texts("code")}
	if err := s.runOnce(ctx, sqlOf("lock keys"), named, query.Discard); err != nil {
		return nil, err
	}
	err := s.runOnce(ctx, `
		SELECT h.code, count(*), bool_or(h.fresh) FROM keyseat_history h WHERE h.code = ANY (@codes) GROUP BY h.code`,
		named, query.Each(func(r row) { ours[r.code] = r.n == entries[r.code] && !r.fresh }))
	if err != nil {
		return nil, err
	}
	return ours, s.runOnce(ctx, `
		SELECT m.code FROM keyseat_listeners l JOIN keyseat_mail m ON m.listener = l.name
		WHERE m.code = ANY (@codes) AND m.country = '' AND m.newest > m.told`,
		named, query.Each(func(code keys.Code) { ours[code] = false }))
}

// deleteTasks implements [layout].
func (distributed) deleteTasks(gone query.Rows) query.Query {
	return query.Query{
		SQL: `DELETE FROM keyseat_tasks AS x USING @r WHERE x.code = r.code AND x.id = r.id AND x.code = ANY (@codes)
			RETURNING ` + taskTable.Columns.List("x.%"),
		Args: query.Args{"r": query.InlineRows(gone), "codes": gone.Texts("code")},
	}
}

// deleteHistory implements [layout].
func (distributed) deleteHistory(cut query.Rows) query.Query {
	return query.Query{
		SQL:  `DELETE FROM keyseat_history WHERE code = ANY (@codes) RETURNING seq, ` + historyTable.Columns.List("%"),
		Args: query.Args{"codes": cut.Texts("code")},
	}
}

// insertRouted implements [layout].
func (distributed) insertRouted(entries []tasks.HistoryEntry) query.Query {
	return query.Query{SQL: insertSQL(historyTable, "@r"), Args: query.Args{"r": query.InlineRows(historyTable.Rows(entries))}}
}

// lockUnrouted implements [layout]. It cannot lock history entries. It locks the subscribers instead, which are
// all on one server, and [distributed.markRouted] checks that the entries are still fresh. It reads only entries of the
// keys that were found, from the servers of these keys.
func (distributed) lockUnrouted(ctx context.Context, s session, n int, found []tasks.HistoryEntry) ([]tasks.HistoryEntry, error) {
	const lock = `SELECT l.name FROM keyseat_listeners l ORDER BY l.name FOR UPDATE OF l`
	if err := s.runOnce(ctx, lock, nil, query.Discard); err != nil {
		return nil, err
	}
	codes := make([]keys.Code, len(found))
	for i, e := range found {
		codes[i] = e.Code
	}
	return s.unrouted(ctx, n, "", codeTexts(codes))
}

// markRouted implements [layout]. It returns [dberr.ErrRetry] if another process has routed some of the entries.
func (distributed) markRouted(ctx context.Context, s session, taken query.Rows) error {
	n, err := s.exec(ctx, `
		UPDATE keyseat_history AS x SET fresh = false FROM @r
		WHERE x.code = r.code AND x.seq = r.seq AND x.fresh AND x.code = ANY (@codes)`,
		query.Args{"r": query.InlineRows(taken), "codes": taken.Texts("code")})
	if err == nil && n != int64(len(taken.Values)) {
		err = dberr.ErrRetry
	}
	return err
}

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
		query.Args{"r": query.InlineRows(keyTable.Rows(some)), "batch": b.ID}, query.Each(func(code keys.Code) { inserted[code] = true }))
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
