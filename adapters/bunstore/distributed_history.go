package bunstore

import (
	"context"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// lockArchivable implements [layout]. It waits for transactions that change the same keys.
func (distributed) lockArchivable(ctx context.Context, s session, want query.Rows, entries map[keys.Code]int) (map[keys.Code]bool, error) {
	ours := map[keys.Code]bool{}
	named := query.Args{"codes": want.Texts("code")}
	if err := s.runOnce(ctx, lockKeysSQL, named, func(query.Row) error { return nil }); err != nil {
		return nil, err
	}
	err := s.runOnce(ctx, `
		SELECT h.code, count(*), bool_or(h.fresh) FROM keyseat_history h WHERE h.code = ANY (@codes) GROUP BY h.code`,
		named, func(r query.Row) error {
			var code keys.Code
			var n int
			var fresh bool
			err := r.Scan([]query.Column{query.Text(&code), query.Int(&n), query.Bool(&fresh)})
			ours[code] = n == entries[code] && !fresh
			return err
		})
	if err != nil {
		return nil, err
	}
	return ours, s.runOnce(ctx, `
		SELECT m.code FROM keyseat_listeners l JOIN keyseat_mail m ON m.listener = l.name
		WHERE m.code = ANY (@codes) AND m.country = '' AND m.newest > m.told`,
		named, query.Each(query.Text[keys.Code], func(code keys.Code) { ours[code] = false }))
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
	if err := s.runOnce(ctx, lock, nil, func(query.Row) error { return nil }); err != nil {
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
