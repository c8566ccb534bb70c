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
	_, err := s.execInTx(ctx, query.Args{"want": query.TextRows("name", names), "ttl": ttl},
		s.sqlOf("subscribe"),
		`DELETE FROM keyseat_listeners WHERE until <= @now`,
		`DELETE FROM keyseat_mail WHERE listener NOT IN (SELECT name FROM keyseat_listeners)`,
		`DELETE FROM keyseat_deliveries WHERE at <= @now - @ttl`)
	return s.wrap("subscribe", err)
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
	found, err := s.execInTx(ctx, query.Args{"name": name}, statements...)
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

// SetLowStock implements [outbox.Outbox]. It writes nothing if the set of countries has not changed. Two calls for one
// subscriber write one after the other, because otherwise the subscriber could end up with the countries of both calls.
func (s *Store) SetLowStock(ctx context.Context, subscriber string, countries []stock.Country, mark int64) error {
	err := s.transact(ctx, func(tx session) error {
		var known []stock.Country
		q := tx.selectInto((*deliveryQueueModel)(nil))
		err := q.Column("country").Where("m.listener = ? AND m.code = ''", q.Bind(subscriber)).Scan(ctx, &known)
		if err != nil || slices.Equal(slices.Sorted(slices.Values(known)), slices.Sorted(slices.Values(countries))) {
			return err
		}
		args := query.Args{"listener": subscriber, "low": query.TextRows("country", countries), "mark": int(mark)}
		if err := tx.runOnce(ctx, s.sqlOf("lock subscriber"), args, query.Discard); err != nil {
			return err
		}
		_, err = tx.execAll(ctx, args, s.sqlOf("forget low stock"), s.sqlOf("low stock"))
		return err
	})
	return s.wrap("set low stock", err)
}
