package bunstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// A freshEntry is a history entry that no call has routed yet.
type freshEntry struct {
	seq  int64
	code keys.Code
	kind tasks.EventType
}

// Route implements [outbox.Outbox]. It locks the oldest fresh history entries. A second call waits for the lock, and
// then finds later entries. Therefore two entries of a key are never routed in the wrong order.
//
// A distributed store cannot lock history entries. It locks the subscribers instead, which are all on one server, and
// markRouted checks that the entries are still fresh. The query before the transaction finds the keys. The transaction
// then reads only entries of these keys, so that it needs only their servers.
func (s *Store) Route(ctx context.Context, types []tasks.EventType, n int) (routed int, err error) {
	var found []freshEntry
	err = s.reader().runOnce(ctx, s.sqlOf("fresh"), query.Args{"n": n}, query.Append(&found))
	if err != nil || len(found) == 0 { // a poll that finds nothing begins no transaction
		return 0, s.wrap("route", err)
	}
	var codes query.TextArray
	for _, e := range found {
		codes = append(codes, string(e.code))
	}
	err = s.transact(ctx, func(tx session) error {
		if tx.isDistributed {
			if err := tx.runOnce(ctx, s.sqlOf("lock subscribers"), nil, query.Discard); err != nil {
				return err
			}
		}
		var fresh []freshEntry
		err := tx.run(ctx, nil, statement("lock fresh", query.Args{"n": n, "codes": codes}, query.Append(&fresh)))
		routed = len(fresh)
		if err != nil || routed == 0 {
			return err
		}
		return tx.route(ctx, fresh, types)
	})
	return routed, s.wrap("route", err)
}

func (s session) route(ctx context.Context, fresh []freshEntry, types []tasks.EventType) error {
	taken, kept := query.Rows{Columns: "code text, seq bigint"}, query.Rows{Columns: "code text, seq bigint"}
	for _, e := range fresh {
		taken.Add(string(e.code), e.seq)
		if slices.Contains(types, e.kind) {
			kept.Add(string(e.code), e.seq)
		}
	}
	if _, err := s.exec(ctx, s.sqlOf("route"), query.Args{"kept": kept}); err != nil {
		return err
	}
	return s.markRouted(ctx, taken)
}

// markRouted marks history entries as no longer fresh. In a distributed store another process may have routed some of
// these entries. Then markRouted returns [dberr.ErrRetry].
func (s session) markRouted(ctx context.Context, taken query.Rows) error {
	args := query.Args{"taken": taken, "r": query.InlineRows(taken), "codes": taken.Texts("code")}
	n, err := s.execQuery(ctx, statement("mark routed", args, nil))
	if err == nil && n != int64(len(taken.Values)) {
		err = dberr.ErrRetry
	}
	return err
}

// Replay implements [outbox.Outbox].
func (s *Store) Replay(ctx context.Context, r outbox.Replay) (n int, err error) {
	since, sql := r.Since.UTC(), s.sqlOf("replay")
	if r.Since.IsZero() {
		since = time.Unix(0, 0).UTC()
	}
	if r.Code == "" {
		sql = strings.Replace(sql, "AND h.code = @code", "", 1)
	}
	err = s.transact(ctx, func(tx session) error {
		now, err := readTime(ctx, tx.runCached)
		if err != nil {
			return err
		}
		rows, err := tx.exec(ctx, sql, query.Args{
			"listener": r.Subscriber, "code": string(r.Code), "causes": query.TextRows("cause", r.Causes),
			"since": since, "after": int(r.After), "at": now,
		})
		n = int(rows)
		return err
	})
	return n, s.wrap("replay", err)
}

// LeaseDeliveries implements [outbox.Outbox]. A poll that finds nothing writes nothing.
func (s *Store) LeaseDeliveries(ctx context.Context, subscriber, lease string, n int, ttl time.Duration) (all []outbox.QueuedDelivery, err error) {
	named := query.Args{"listener": subscriber, "lease": lease, "n": n, "ttl": ttl}
	var due int
	err = s.reader().runOnce(ctx, s.sqlOf("due deliveries"), named, query.Into(&due))
	if err == nil && due > 0 {
		err = s.transact(ctx, func(tx session) error {
			all, err = tx.leaseDeliveries(ctx, named)
			return err
		})
	}
	return all, s.wrap("lease deliveries", err)
}

// leaseDeliveries leases due deliveries. It skips locked rows, except in a distributed store, where it waits for them.
func (s session) leaseDeliveries(ctx context.Context, named query.Args) ([]outbox.QueuedDelivery, error) {
	var all []outbox.QueuedDelivery
	err := s.runOnce(ctx, s.sqlOf("lease deliveries"), named, query.Each(func(q queueColumns) {
		all = append(all, outbox.QueuedDelivery(q))
	}))
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all, s.addEntries(ctx, all)
}

// addEntries reads the history entries of each queued delivery, up to [outbox.MaxEntries] for one delivery.
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
			`+s.whereCodes("h")+`) AS x
		WHERE x.nth <= @most ORDER BY x.i, x.seq`,
		query.Args{"want": want, "codes": want.Texts("code"), "most": outbox.MaxEntries},
		query.Each(func(r row) { all[r.I].Entries = append(all[r.I].Entries, r.Entry) }))
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

// completeDelivery stores the progress of a queued delivery and ends its lease. It returns the number of written rows,
// which is 0 if the lease was lost.
//
// It deletes the queued delivery of a key when all events are delivered. The key's next history entry adds a new one.
func (s session) completeDelivery(ctx context.Context, q outbox.QueuedDelivery) (int64, error) {
	named := query.Args{"m": queueTable.Rows([]outbox.QueuedDelivery{q})}
	n, err := s.exec(ctx, s.sqlOf("complete delivery"), named)
	if err == nil && n > 0 {
		_, err = s.exec(ctx, s.sqlOf("delete delivery"), named)
	}
	return n, err
}
