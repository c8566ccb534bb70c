package bunstore

import (
	"context"
	"slices"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// Route implements [outbox.Outbox]. It locks the oldest fresh history entries, which no call has routed yet. A second
// call waits for the lock and then finds the entries after them. Therefore two entries of a key are never routed in
// the wrong order.
func (s *Store) Route(ctx context.Context, types []tasks.EventType, n int) (routed int, err error) {
	found, err := s.reader().unrouted(ctx, n, "", nil)
	if err != nil || len(found) == 0 { // a poll that finds nothing locks nothing
		return 0, s.wrap("route", err)
	}
	err = s.transact(ctx, func(tx session) error {
		fresh, err := tx.layout.lockUnrouted(ctx, tx, n, found)
		routed = len(fresh)
		if err != nil || routed == 0 {
			return err
		}
		return tx.route(ctx, fresh, types)
	})
	return routed, s.wrap("route", err)
}

// lockUnrouted implements [layout]. It reads and locks the oldest fresh history entries.
func (oneServer) lockUnrouted(ctx context.Context, s session, n int, _ []tasks.HistoryEntry) ([]tasks.HistoryEntry, error) {
	return s.unrouted(ctx, n, s.forUpdate("h"), nil)
}

// unrouted reads the oldest fresh history entries, or only those of some codes if there are any. It fills in only their
// sequence number, key and event type.
func (s session) unrouted(ctx context.Context, n int, lock string, codes query.TextArray) (entries []tasks.HistoryEntry, err error) {
	only := ""
	if codes != nil {
		only = s.layout.whereCodes("h")
	}
	err = s.runOnce(ctx, `SELECT h.seq, h.code, h.cause FROM keyseat_history h WHERE h.fresh `+only+` ORDER BY h.seq LIMIT @n `+lock,
		query.Args{"n": n, "codes": codes}, func(r query.Row) error {
			var e tasks.HistoryEntry
			err := r.Scan([]query.Column{query.Int(&e.Seq), query.Text((*string)(&e.Code)), query.Text(&e.Type)})
			entries = append(entries, e)
			return err
		})
	return entries, err
}

func (s session) route(ctx context.Context, fresh []tasks.HistoryEntry, types []tasks.EventType) error {
	taken, kept := query.Rows{Columns: "code text, seq bigint"}, query.Rows{Columns: "code text, seq bigint"}
	for _, e := range fresh {
		taken.Add(string(e.Code), e.Seq)
		if slices.Contains(types, e.Type) {
			kept.Add(string(e.Code), e.Seq)
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
			WHERE l.name = @listener AND h.code <> '' AND h.at >= @since AND h.seq > @after `+code+`
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

// dueDeliveriesSQL selects up to @n queued deliveries to lease.
const dueDeliveriesSQL = `
	SELECT m.code, m.country, coalesce(m.leased_until, m.due) FROM keyseat_mail m
	WHERE m.listener = @listener AND m.newest > m.told AND coalesce(m.leased_until, m.due) <= @now
		AND EXISTS (SELECT 1 FROM keyseat_listeners l WHERE l.name = @listener AND l.gone_at IS NULL)
	ORDER BY coalesce(m.leased_until, m.due) LIMIT @n`

// LeaseDeliveries implements [outbox.Outbox]. A poll that finds nothing writes nothing.
func (s *Store) LeaseDeliveries(ctx context.Context, subscriber, lease string, n int, ttl time.Duration) (all []outbox.QueuedDelivery, err error) {
	named := query.Args{"listener": subscriber, "lease": lease, "n": n, "ttl": ttl}
	found := false
	err = s.reader().runOnce(ctx, dueDeliveriesSQL, named, func(query.Row) error { // it locks nothing, so it cannot be in a deadlock
		found = true
		return nil
	})
	if err == nil && found {
		err = s.transact(ctx, func(tx session) error {
			all, err = tx.leaseDeliveries(ctx, named)
			return err
		})
	}
	return all, s.wrap("lease deliveries", err)
}

// leaseDeliveries leases due deliveries. It skips rows that another transaction has locked. In a distributed store it
// waits for them.
func (s session) leaseDeliveries(ctx context.Context, named query.Args) ([]outbox.QueuedDelivery, error) {
	var all []outbox.QueuedDelivery
	err := s.runOnce(ctx, `
		WITH waiting (its_code, its_country, its_turn) AS MATERIALIZED (`+dueDeliveriesSQL+s.forUpdate("m")+s.skipLocked()+`)
		UPDATE keyseat_mail SET lease = @lease, leased_until = @now + @ttl FROM waiting
		WHERE listener = @listener AND code = its_code AND country = its_country
		RETURNING @now, `+queueTable.Columns.List("%"), named, func(r query.Row) error {
		var q outbox.QueuedDelivery
		err := r.Scan([]query.Column{query.Time(&q.At)}, queueTable.Fields(&q))
		all = append(all, q)
		return err
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all, s.addEntries(ctx, all)
}

// addEntries reads the history entries of each queued delivery, up to [outbox.MaxEntries] of each.
func (s session) addEntries(ctx context.Context, all []outbox.QueuedDelivery) error {
	want := query.Rows{Columns: "i bigint, code text, told bigint, newest bigint"}
	for i, q := range all {
		want.Add(int64(i), string(q.Code), q.DeliveredSeq, q.LastSeq)
	}
	return s.runOnce(ctx, `
		WITH @want
		SELECT x.i, x.seq, `+historyTable.Columns.List("x.%")+` FROM (
			SELECT want.i, h.seq, `+historyTable.Columns.List("h.%")+`, row_number() OVER (PARTITION BY h.code, want.i ORDER BY h.seq) AS nth
			FROM want JOIN keyseat_history h ON h.code = want.code AND h.seq > want.told AND h.seq <= want.newest
			`+s.layout.whereCodes("h")+`) AS x
		WHERE x.nth <= @most ORDER BY x.i, x.seq`,
		query.Args{"want": want, "codes": want.Texts("code"), "most": outbox.MaxEntries}, func(r query.Row) error {
			var i int
			var e tasks.HistoryEntry
			err := r.Scan([]query.Column{query.Int(&i), query.Int(&e.Seq)}, historyTable.Fields(&e))
			all[i].Entries = append(all[i].Entries, e)
			return err
		})
}

// CompleteDelivery implements [outbox.Outbox].
func (s *Store) CompleteDelivery(ctx context.Context, q outbox.QueuedDelivery, d *outbox.Delivery) error {
	fenced := false
	err := s.transact(ctx, func(tx session) error {
		n, err := tx.completeDelivery(ctx, q)
		fenced = n == 0
		if err == nil && d != nil {
			_, err = tx.exec(ctx, "WITH @d "+insertSQL(deliveryTable, "d"), query.Args{"d": deliveryTable.Rows([]outbox.Delivery{*d})})
		}
		if err == nil && !fenced && d != nil && d.Result == outbox.SubscriberGone {
			_, err = tx.exec(ctx, `UPDATE keyseat_listeners SET gone_at = @now WHERE name = @name AND gone_at IS NULL`, query.Args{"name": q.Subscriber})
		}
		return err
	})
	if err == nil && fenced {
		return tasks.ErrFenced
	}
	return s.wrap("complete a delivery", err)
}

// completeDelivery stores the progress of a queued delivery and ends its lease. It returns the number of written rows: 0
// if the lease is no longer valid.
//
// completeDelivery deletes the queued delivery of a key when all its events are delivered. The next history entry of the
// key adds it again.
func (s session) completeDelivery(ctx context.Context, q outbox.QueuedDelivery) (int64, error) {
	named := query.Args{"m": queueTable.Rows([]outbox.QueuedDelivery{q})}
	n, err := s.exec(ctx, `
		WITH @m UPDATE keyseat_mail AS x
		SET told = m.told, part = m.part, tries = m.tries, since = m.since, due = m.due, lease = '', leased_until = NULL
		FROM m WHERE x.listener = m.listener AND x.code = m.code AND x.country = m.country AND x.lease = m.lease`, named)
	if err != nil || n == 0 {
		return n, err
	}
	_, err = s.exec(ctx, `WITH @m DELETE FROM keyseat_mail WHERE code <> '' AND told >= newest
		AND listener = (SELECT m.listener FROM m) AND code = (SELECT m.code FROM m) AND country = ''`, named)
	return n, err
}
