package bunstore

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// queueTable describes the table of queued deliveries. It leaves out the column leased_until, because only
// the SQL of this package reads that.
var queueTable = table[outbox.QueuedDelivery]{
	name: "keyseat_mail",
	columns: "listener text, code text, country text, told bigint, part bigint, newest bigint, tries bigint, " +
		"since timestamptz, due timestamptz, lease text",
	fields: func(m *outbox.QueuedDelivery) []field {
		return []field{
			text[string]{&m.Subscriber},
			text[keys.Code]{&m.Code},
			text[stock.Country]{&m.Country},
			whole[int64]{&m.DeliveredSeq},
			whole[int]{&m.DeliveredEvent},
			whole[int64]{&m.LastSeq},
			whole[int]{&m.Attempts},
			moment{&m.Since},
			moment{&m.DueAt},
			text[string]{&m.Lease},
		}
	},
}

// dueDeliveriesSQL selects up to @n queued deliveries to lease. The common table expression waiting also locks them, and
// skips rows that another transaction has locked.
const (
	dueDeliveriesSQL = `
		SELECT m.code, m.country, coalesce(m.leased_until, m.due) FROM keyseat_mail m
		WHERE m.listener = @listener AND m.newest > m.told AND coalesce(m.leased_until, m.due) <= @now
			AND EXISTS (SELECT 1 FROM keyseat_listeners l WHERE l.name = @listener AND l.gone_at IS NULL)
		ORDER BY coalesce(m.leased_until, m.due) LIMIT @n`
	lockDueDeliveriesSQL = `
	waiting (its_code, its_country, its_turn) AS MATERIALIZED (` + dueDeliveriesSQL + ` FOR UPDATE OF m SKIP LOCKED)`
)

// LeaseDeliveries implements [outbox.Outbox]. A poll that finds nothing writes nothing.
func (s *Store) LeaseDeliveries(ctx context.Context, listener, lease string, n int, ttl time.Duration) (all []outbox.QueuedDelivery, err error) {
	named := args{"listener": listener, "lease": lease, "n": n, "ttl": ttl}
	found := false
	err = s.reader().query(ctx, dueDeliveriesSQL, named, func(row) error { // it locks nothing, so it cannot be in a deadlock
		found = true
		return nil
	})
	if err == nil && found {
		err = s.transact(ctx, func(tx session) error {
			all, err = tx.leaseDeliveries(ctx, named)
			return err
		})
	}
	return all, s.reader().tell("lease deliveries", err)
}

func (s session) leaseDeliveries(ctx context.Context, named args) ([]outbox.QueuedDelivery, error) {
	var all []outbox.QueuedDelivery
	err := s.query(ctx, `WITH `+lockDueDeliveriesSQL+`
		UPDATE keyseat_mail SET lease = @lease, leased_until = @now + @ttl FROM waiting
		WHERE listener = @listener AND code = its_code AND country = its_country
		RETURNING @now, `+queueTable.columns.list("%"), named, func(r row) error {
		var m outbox.QueuedDelivery
		err := r.scan([]field{moment{&m.At}}, queueTable.fields(&m))
		all = append(all, m)
		return err
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all, s.addEntries(ctx, all)
}

// addEntries reads the history entries of each queued delivery, up to [outbox.MaxEntries] of each.
func (s session) addEntries(ctx context.Context, all []outbox.QueuedDelivery) error {
	want := batch{columns: "i bigint, code text, told bigint, newest bigint"}
	for i, m := range all {
		want.add(int64(i), string(m.Code), m.DeliveredSeq, m.LastSeq)
	}
	return s.query(ctx, `
		WITH @want
		SELECT x.i, x.seq, `+historyTable.columns.list("x.%")+` FROM (
			SELECT want.i, h.seq, `+historyTable.columns.list("h.%")+`, row_number() OVER (PARTITION BY h.code, want.i ORDER BY h.seq) AS nth
			FROM want JOIN keyseat_history h ON h.code = want.code AND h.seq > want.told AND h.seq <= want.newest) AS x
		WHERE x.nth <= @most ORDER BY x.i, x.seq`,
		args{"want": want, "most": outbox.MaxEntries}, func(r row) error {
			var i int
			var at tasks.HistoryEntry
			var l line
			err := r.scan([]field{whole[int]{&i}, whole[int64]{&at.Seq}}, historyTable.fields(&l))
			at.Change, at.N, at.Event = l.change, l.n, l.Event
			all[i].Entries = append(all[i].Entries, at)
			return err
		})
}

// CompleteDelivery implements [outbox.Outbox].
func (s *Store) CompleteDelivery(ctx context.Context, m outbox.QueuedDelivery, d *outbox.Delivery) error {
	fenced := false
	err := s.transact(ctx, func(tx session) error {
		n, err := tx.completeDelivery(ctx, m)
		fenced = n == 0
		if err == nil && d != nil {
			err = tx.recordDelivery(ctx, *d)
		}
		if err == nil && !fenced && d != nil && d.Result == outbox.SubscriberGone {
			_, err = tx.exec(ctx, `UPDATE keyseat_listeners SET gone_at = @now WHERE name = @name AND gone_at IS NULL`, args{"name": m.Subscriber})
		}
		return err
	})
	if err == nil && fenced {
		return tasks.ErrFenced
	}
	return s.reader().tell("complete a delivery", err)
}

// completeDelivery stores the progress of a queued delivery and ends its lease. It returns the number of written rows: 0
// if the lease is no longer valid.
//
// post deletes the queued delivery of a key when all its events are delivered. The next history entry of the
// key adds it again.
func (s session) completeDelivery(ctx context.Context, m outbox.QueuedDelivery) (int64, error) {
	named := args{"m": queueTable.batch([]outbox.QueuedDelivery{m})}
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

func (s session) recordDelivery(ctx context.Context, d outbox.Delivery) error {
	_, err := s.exec(ctx, "WITH @d "+insertSQL(deliveryTable, "d"), args{"d": deliveryTable.batch([]outbox.Delivery{d})})
	return err
}
