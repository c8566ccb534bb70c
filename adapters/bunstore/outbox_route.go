package bunstore

import (
	"context"
	"slices"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// Route implements [outbox.Outbox]. It locks the oldest fresh history entries. A second call waits for the
// lock and then finds the entries after them. Therefore two entries of a key are never routed in the wrong
// order.
func (s *Store) Route(ctx context.Context, causes []tasks.EventType, n int) (routed int, err error) {
	if fresh, err := s.reader().unrouted(ctx, n, ""); err != nil || len(fresh) == 0 { // a poll that finds nothing locks nothing
		return 0, s.wrap("route", err)
	}
	err = s.transact(ctx, func(tx session) error {
		fresh, err := tx.layout.lockUnrouted(ctx, tx, n)
		routed = len(fresh)
		if err != nil || routed == 0 {
			return err
		}
		return tx.route(ctx, fresh, causes)
	})
	return routed, s.wrap("route", err)
}

// lockUnrouted implements [layout]. It reads and locks the oldest fresh history entries.
func (oneServer) lockUnrouted(ctx context.Context, s session, n int) ([]tasks.HistoryEntry, error) {
	return s.unrouted(ctx, n, s.forUpdate("h"))
}

// unrouted reads the oldest fresh history entries. It fills in only their sequence number, key and event
// type.
func (s session) unrouted(ctx context.Context, n int, lock string) (lines []tasks.HistoryEntry, err error) {
	err = s.runOnce(ctx, `SELECT h.seq, h.code, h.cause FROM keyseat_history h WHERE h.fresh ORDER BY h.seq LIMIT @n `+lock,
		query.Args{"n": n}, func(r query.Row) error {
			var l tasks.HistoryEntry
			err := r.Scan([]query.Column{query.Int(&l.Seq), query.Text((*string)(&l.Code)), query.Text(&l.Type)})
			lines = append(lines, l)
			return err
		})
	return lines, err
}

func (s session) route(ctx context.Context, fresh []tasks.HistoryEntry, causes []tasks.EventType) error {
	taken, kept := query.Rows{Columns: "code text, seq bigint"}, query.Rows{Columns: "code text, seq bigint"}
	for _, l := range fresh {
		taken.Add(string(l.Code), l.Seq)
		if slices.Contains(causes, l.Type) {
			kept.Add(string(l.Code), l.Seq)
		}
	}
	_, err := s.exec(ctx, `WITH @kept `+upsertDeliverySQL(`
		SELECT l.name, kept.code, '', min(kept.seq) - 1, 0, max(kept.seq), 0, @now, @now, ''
		FROM kept CROSS JOIN keyseat_listeners l WHERE l.until > @now
		GROUP BY l.name, kept.code ORDER BY l.name, kept.code`,
		`newest = CASE WHEN excluded.newest > m.newest THEN excluded.newest ELSE m.newest END`), query.Args{"kept": kept})
	if err != nil {
		return err
	}
	return s.layout.markRouted(ctx, s, taken)
}

// markRouted implements [layout]. It marks history entries as no longer fresh.
func (oneServer) markRouted(ctx context.Context, s session, taken query.Rows) error {
	_, err := s.exec(ctx, `WITH @taken UPDATE keyseat_history SET fresh = false WHERE fresh AND seq IN (SELECT seq FROM taken)`, query.Args{"taken": taken})
	return err
}

// upsertDeliverySQL returns the SQL that inserts queued deliveries. Where a row for the same subscriber, key and country
// exists, the SQL changes that row.
func upsertDeliverySQL(rows, change string) string {
	return `INSERT INTO keyseat_mail AS m (` + queueTable.Columns.List("%") + `) ` + rows +
		` ON CONFLICT (listener, code, country) DO UPDATE SET ` + change
}

// Replay implements [outbox.Outbox].
func (s *Store) Replay(ctx context.Context, r outbox.Replay) (n int, err error) {
	causes := query.Rows{Columns: "cause text"}
	for _, c := range r.Causes {
		causes.Add(string(c))
	}
	since, code := r.Since.UTC(), ""
	if r.Since.IsZero() {
		since = time.Unix(0, 0).UTC()
	}
	if r.Code != "" {
		code = "AND h.code = @code"
	}
	err = s.transact(ctx, func(tx session) error {
		tx, err := tx.timed(ctx)
		if err != nil {
			return err
		}
		rows, err := tx.exec(ctx, `WITH @causes `+upsertDeliverySQL(`
			SELECT l.name, h.code, '', min(h.seq) - 1, 0, max(h.seq), 0, @now, @now, ''
			FROM keyseat_history h CROSS JOIN keyseat_listeners l
			WHERE l.name = @listener AND h.at >= @since AND h.seq > @after `+code+`
				AND h.cause IN (SELECT cause FROM causes)
			GROUP BY l.name, h.code ORDER BY l.name, h.code`, `
			told = CASE WHEN excluded.told < m.told THEN excluded.told ELSE m.told END,
			newest = CASE WHEN excluded.newest > m.newest THEN excluded.newest ELSE m.newest END,
			part = 0, tries = 0, since = excluded.since, due = excluded.due, lease = '', leased_until = NULL`),
			query.Args{"listener": r.Subscriber, "code": string(r.Code), "causes": causes, "since": since, "after": int(r.After)})
		n = int(rows)
		return err
	})
	return n, s.wrap("replay", err)
}
