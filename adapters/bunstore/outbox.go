package bunstore

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/tasks/outbox"
)

var _ outbox.Outbox = (*Store)(nil)

// hasSubscribersSQL is true if a subscription exists that has not expired. Only then are history entries written as
// fresh, which means that [Store.Route] has yet to route them.
const hasSubscribersSQL = `EXISTS (SELECT 1 FROM keyseat_listeners l WHERE l.until > @now)`

// insertHistoryFrom returns the SQL that inserts history entries in their order.
func insertHistoryFrom(from string) string {
	list := historyTable.Columns.List("%")
	return "INSERT INTO " + historyTable.Name + " (" + list + ", fresh) SELECT " + list + ", " + hasSubscribersSQL + " FROM " + from + " ORDER BY place"
}

// execTx executes statements in order in one transaction.
func (s *Store) execTx(ctx context.Context, operation string, named query.Args, statements ...string) error {
	err := s.transact(ctx, func(tx session) error {
		for _, sql := range statements {
			if _, err := tx.exec(ctx, sql, named); err != nil {
				return err
			}
		}
		return nil
	})
	return s.wrap(operation, err)
}

// Subscribe implements [outbox.Outbox].
func (s *Store) Subscribe(ctx context.Context, names []string, ttl time.Duration) error {
	want := query.Rows{Columns: "name text"}
	for _, name := range names {
		want.Add(name)
	}
	return s.execTx(ctx, "subscribe", query.Args{"want": want, "ttl": ttl},
		`WITH @want INSERT INTO keyseat_listeners (name, until) SELECT name, @now + @ttl FROM want WHERE true ORDER BY name
			ON CONFLICT (name) DO UPDATE SET until = excluded.until`,
		`DELETE FROM keyseat_listeners WHERE until <= @now`,
		`DELETE FROM keyseat_mail WHERE listener NOT IN (SELECT name FROM keyseat_listeners)`,
		`DELETE FROM keyseat_deliveries WHERE at <= @now - @ttl`)
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

// execForSubscriber runs statements for one subscriber in a transaction. It returns [outbox.ErrNoSubscriber] if the
// first statement changes no row.
func (s *Store) execForSubscriber(ctx context.Context, operation, name string, first string, more ...string) error {
	named, found := query.Args{"name": name}, int64(0)
	err := s.transact(ctx, func(tx session) (err error) {
		found, err = tx.exec(ctx, first, named)
		for _, sql := range more {
			if err == nil {
				_, err = tx.exec(ctx, sql, named)
			}
		}
		return err
	})
	if err == nil && found == 0 {
		return outbox.ErrNoSubscriber
	}
	return s.wrap(operation, err)
}

// Subscribers implements [outbox.Outbox].
func (s *Store) Subscribers(ctx context.Context) (all []outbox.Subscriber, err error) {
	err = s.reader().runOnce(ctx, `
		SELECT l.name, l.until, l.gone_at, count(m.listener), min(m.since) FROM keyseat_listeners l
		LEFT JOIN keyseat_mail m ON m.listener = l.name AND m.newest > m.told
		WHERE l.until > @now
		GROUP BY l.name, l.until, l.gone_at
		ORDER BY l.name`, nil, func(r query.Row) error {
		var l outbox.Subscriber
		err := r.Scan([]query.Column{
			query.Text(&l.Name),
			query.Time(&l.ExpiresAt),
			query.Time(&l.Disabled),
			query.Int(&l.Waiting),
			query.Time(&l.Since),
		})
		all = append(all, l)
		return err
	})
	return all, s.wrap("list subscribers", err)
}

var deliveryTable = query.Table[outbox.Delivery]{
	Name: "keyseat_deliveries",
	Columns: "at timestamptz, listener text, event text, type text, code text, country text, line bigint, " +
		"try bigint, result text, status bigint, took bigint, note text",
	Fields: func(d *outbox.Delivery) []query.Column {
		return []query.Column{
			query.Time(&d.At),
			query.Text(&d.Subscriber),
			query.Text(&d.Event),
			query.Text(&d.Type),
			query.Text(&d.Code),
			query.Text(&d.Country),
			query.Int(&d.Line),
			query.Int(&d.Attempt),
			query.Text(&d.Result),
			query.Int(&d.Status),
			query.Int(&d.Took),
			query.Text(&d.Note),
		}
	},
}

// optionalCond returns the condition, or "" if the value is "". Leaving a condition out lets an index serve the
// other conditions; a condition that is always true would not.
func optionalCond(value, condition string) string {
	if value == "" {
		return ""
	}
	return condition
}

// Deliveries implements [outbox.Outbox].
func (s *Store) Deliveries(ctx context.Context, listener, event string, before int64, n int) (all []outbox.Delivery, err error) {
	err = s.reader().runOnce(ctx, `
		SELECT seq, `+deliveryTable.Columns.List("%")+` FROM keyseat_deliveries
		WHERE true`+optionalCond(listener, " AND listener = @listener")+optionalCond(event, " AND event = @event")+` AND (@before = 0 OR seq < @before)
		ORDER BY seq DESC LIMIT @n`,
		query.Args{"listener": listener, "event": event, "before": int(before), "n": n}, func(r query.Row) error {
			var d outbox.Delivery
			err := r.Scan([]query.Column{query.Int(&d.Seq)}, deliveryTable.Fields(&d))
			all = append(all, d)
			return err
		})
	return all, s.wrap("list deliveries", err)
}
