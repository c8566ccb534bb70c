package bunstore

import (
	"context"
	"slices"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks/outbox"
)

var _ outbox.Outbox = (*Store)(nil)

// Subscribe implements [outbox.Outbox].
func (s *Store) Subscribe(ctx context.Context, names []string, ttl time.Duration) error {
	want := query.Rows{Columns: "name text"}
	for _, name := range names {
		want.Add(name)
	}
	err := s.transact(ctx, func(tx session) error {
		_, err := tx.execAll(ctx, query.Args{"want": want, "ttl": ttl},
			sqlOf("subscribe"),
			`DELETE FROM keyseat_listeners WHERE until <= @now`,
			`DELETE FROM keyseat_mail WHERE listener NOT IN (SELECT name FROM keyseat_listeners)`,
			`DELETE FROM keyseat_deliveries WHERE at <= @now - @ttl`)
		return err
	})
	return s.wrap("subscribe", err)
}

// execAll executes statements in order. It returns the number of rows that the first one has changed.
func (s session) execAll(ctx context.Context, args query.Args, statements ...string) (changed int64, err error) {
	for i, sql := range statements {
		n, err := s.exec(ctx, sql, args)
		if err != nil {
			return 0, err
		}
		if i == 0 {
			changed = n
		}
	}
	return changed, nil
}

// Resume implements [outbox.Outbox].
func (s *Store) Resume(ctx context.Context, name string) error {
	return s.execForSubscriber(ctx, "resume a subscriber", name, `UPDATE keyseat_listeners SET gone_at = NULL WHERE name = @name`)
}

// Unsubscribe implements [outbox.Outbox].
func (s *Store) Unsubscribe(ctx context.Context, name string) error {
	return s.execForSubscriber(ctx, "unsubscribe", name,
		`DELETE FROM keyseat_listeners WHERE name = @name`, `DELETE FROM keyseat_mail WHERE listener = @name`)
}

// execForSubscriber executes statements for one subscriber in a transaction. It returns [outbox.ErrNoSubscriber] if
// the first statement changes no row.
func (s *Store) execForSubscriber(ctx context.Context, operation, name string, statements ...string) error {
	var found int64
	err := s.transact(ctx, func(tx session) (err error) {
		found, err = tx.execAll(ctx, query.Args{"name": name}, statements...)
		return err
	})
	if err == nil && found == 0 {
		return outbox.ErrNoSubscriber
	}
	return s.wrap(operation, err)
}

// Subscribers implements [outbox.Outbox].
func (s *Store) Subscribers(ctx context.Context) ([]outbox.Subscriber, error) {
	var rows []subscriberModel
	q := s.reader().selectInto(&rows)
	err := q.Column("name", "until", "gone_at").ColumnExpr("count(m.listener) AS waiting, min(m.since) AS since").
		Join("LEFT JOIN keyseat_mail AS m ON m.listener = l.name AND m.newest > m.told").
		Where("l.until > ?", q.Now()).Group("l.name", "l.until", "l.gone_at").OrderExpr("l.name").Scan(ctx)
	return mapped(rows, func(l subscriberModel) outbox.Subscriber { return outbox.Subscriber(l.subscriberColumns) }), s.wrap("list subscribers", err)
}

// Deliveries implements [outbox.Outbox].
func (s *Store) Deliveries(ctx context.Context, subscriber, event string, before int64, n int) ([]outbox.Delivery, error) {
	if n <= 0 {
		return nil, nil
	}
	var rows []deliveryModel
	q := s.reader().selectInto(&rows)
	if subscriber != "" {
		q.Where("d.listener = ?", q.Bind(subscriber))
	}
	if event != "" {
		q.Where("d.event = ?", q.Bind(event))
	}
	if before != 0 {
		q.Where("d.seq < ?", q.Bind(int(before)))
	}
	err := q.OrderExpr("d.seq DESC").Limit(int64(n)).Scan(ctx)
	return mapped(rows, func(d deliveryModel) outbox.Delivery { return outbox.Delivery(d.deliveryColumns) }), s.wrap("list deliveries", err)
}

// SetLowStock implements [outbox.Outbox]. It writes nothing if the set of countries has not changed. Two calls for
// one subscriber take turns to write. Otherwise neither would see the countries of the other, and both sets
// would stay.
func (s *Store) SetLowStock(ctx context.Context, subscriber string, countries []stock.Country, mark int64) error {
	err := s.transact(ctx, func(tx session) error {
		known, err := tx.lowStock(ctx, subscriber)
		if err != nil || equalSets(known, countries) {
			return err
		}
		return tx.setLowStock(ctx, subscriber, countries, mark)
	})
	return s.wrap("set low stock", err)
}

// lowStock returns the countries that are low in stock for a subscriber.
func (s session) lowStock(ctx context.Context, subscriber string) (countries []stock.Country, err error) {
	q := s.selectInto((*deliveryQueueModel)(nil))
	err = q.Column("country").Where("m.listener = ? AND m.code = ''", q.Bind(subscriber)).Scan(ctx, &countries)
	return countries, err
}

func (s session) setLowStock(ctx context.Context, subscriber string, countries []stock.Country, mark int64) error {
	low := query.Rows{Columns: "country text"}
	for _, c := range countries {
		low.Add(string(c))
	}
	args := query.Args{"listener": subscriber, "low": low, "mark": int(mark)}
	const lock = `SELECT l.name FROM keyseat_listeners l WHERE l.name = @listener FOR UPDATE OF l`
	if err := s.runOnce(ctx, lock, args, query.Discard); err != nil {
		return err
	}
	_, err := s.execAll(ctx, args,
		`WITH @low DELETE FROM keyseat_mail WHERE listener = @listener AND code = '' AND country NOT IN (SELECT country FROM low)`,
		sqlOf("low stock"))
	return err
}

func equalSets(x, y []stock.Country) bool {
	return slices.Equal(slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(y)))
}
