package bunstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
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
	return s.unrouted(ctx, n, "FOR UPDATE OF h", nil)
}

// unrouted reads the oldest fresh history entries, or only those of some codes if there are any. It fills in only their
// sequence number, key and event type.
func (s session) unrouted(ctx context.Context, n int, lock string, codes query.TextArray) (entries []tasks.HistoryEntry, err error) {
	type row struct {
		Seq  int64
		Code keys.Code
		Type tasks.EventType
	}
	only := ""
	if codes != nil {
		only = s.layout.whereCodes("h")
	}
	err = s.runOnce(ctx, `SELECT h.seq, h.code, h.cause FROM keyseat_history h WHERE h.fresh `+only+` ORDER BY h.seq LIMIT @n `+lock,
		query.Args{"n": n, "codes": codes}, query.Each(func(r row) {
			entries = append(entries, tasks.HistoryEntry{Seq: r.Seq, Event: tasks.Event{Code: r.Code, Type: r.Type}})
		}))
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
	if _, err := s.exec(ctx, sqlOf("route"), query.Args{"kept": kept}); err != nil {
		return err
	}
	return s.layout.markRouted(ctx, s, taken)
}

// markRouted implements [layout]. It marks history entries as no longer fresh.
func (oneServer) markRouted(ctx context.Context, s session, taken query.Rows) error {
	_, err := s.exec(ctx, `WITH @taken UPDATE keyseat_history SET fresh = false WHERE fresh AND seq IN (SELECT seq FROM taken)`, query.Args{"taken": taken})
	return err
}

// Replay implements [outbox.Outbox].
func (s *Store) Replay(ctx context.Context, r outbox.Replay) (n int, err error) {
	causes := query.Rows{Columns: "cause text"}
	for _, c := range r.Causes {
		causes.Add(string(c))
	}
	since, sql := r.Since.UTC(), sqlOf("replay")
	if r.Since.IsZero() {
		since = time.Unix(0, 0).UTC()
	}
	if r.Code == "" {
		sql = strings.Replace(sql, "AND h.code = @code", "", 1)
	}
	err = s.transact(ctx, func(tx session) error {
		tx, err := tx.timed(ctx)
		if err != nil {
			return err
		}
		rows, err := tx.exec(ctx, sql, query.Args{
			"listener": r.Subscriber, "code": string(r.Code), "causes": causes, "since": since, "after": int(r.After),
		})
		n = int(rows)
		return err
	})
	return n, s.wrap("replay", err)
}

// LeaseDeliveries implements [outbox.Outbox]. A poll that finds nothing writes nothing.
func (s *Store) LeaseDeliveries(ctx context.Context, subscriber, lease string, n int, ttl time.Duration) (all []outbox.QueuedDelivery, err error) {
	named := query.Args{"listener": subscriber, "lease": lease, "n": n, "ttl": ttl}
	found := false
	err = s.reader().runOnce(ctx, sqlOf("due deliveries"), named, func(query.Row) error { // it locks nothing, so it cannot be in a deadlock
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
	err := s.runOnce(ctx, sqlOf("lease deliveries"), named, query.Each(func(q queueColumns) { all = append(all, outbox.QueuedDelivery(q)) }))
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all, s.addEntries(ctx, all)
}

// addEntries reads the history entries of each queued delivery, up to [outbox.MaxEntries] of each.
func (s session) addEntries(ctx context.Context, all []outbox.QueuedDelivery) error {
	type row struct {
		I     int
		Entry tasks.HistoryEntry
	}
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
		query.Args{"want": want, "codes": want.Texts("code"), "most": outbox.MaxEntries}, query.Each(func(r row) { all[r.I].Entries = append(all[r.I].Entries, r.Entry) }))
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
	n, err := s.exec(ctx, sqlOf("complete delivery"), named)
	if err == nil && n > 0 {
		_, err = s.exec(ctx, sqlOf("delete delivery"), named)
	}
	return n, err
}
