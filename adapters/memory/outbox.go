package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

var _ outbox.Outbox = (*Store)(nil)

func (q queued) key() deliveryKey { return deliveryKey{q.Subscriber, q.Code, q.Country} }

func (q queued) pending() bool { return q.LastSeq > q.DeliveredSeq }

// leasableAt returns the time from which a pending delivery can be leased.
func (q queued) leasableAt() time.Time { return cmp.Or(q.leasedUntil, q.DueAt) }

// write appends events to the history. If the outbox has subscribers, [Store.Route] routes the entries later.
func (o *outboxState) write(change string, at time.Time, events ...tasks.Event) {
	entries := o.appendEntries(change, events...)
	if len(o.subscribersAt(at)) > 0 {
		o.unrouted = append(o.unrouted, entries...)
	}
}

func (o *outboxState) appendEntries(change string, events ...tasks.Event) []tasks.HistoryEntry {
	for n, e := range events {
		o.lastSeq++
		o.entries = append(o.entries, tasks.HistoryEntry{Seq: o.lastSeq, Change: change, N: n, Event: e})
	}
	return o.entries[len(o.entries)-len(events):]
}

// subscribersAt returns the sorted names of the subscribers whose subscription has not expired at the given time.
func (o *outboxState) subscribersAt(at time.Time) []string {
	var names []string
	for name, s := range o.subscribers {
		if s.ExpiresAt.After(at) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// hasPending reports whether a subscriber has a pending delivery for a key, or an event of the key is not routed yet.
func (o *outboxState) hasPending(code keys.Code) bool {
	for key, q := range o.queue {
		if key.code == code && q.pending() {
			return true
		}
	}
	return slices.ContainsFunc(o.unrouted, func(e tasks.HistoryEntry) bool { return e.Code == code })
}

// Subscribe implements [outbox.Outbox].
func (s *Store) Subscribe(_ context.Context, names []string, ttl time.Duration) error {
	defer s.lock()()
	now := s.now()
	for _, name := range names {
		subscriber := s.outbox.subscribers[name]
		subscriber.Name, subscriber.ExpiresAt = name, now.Add(ttl)
		s.outbox.subscribers[name] = subscriber
	}
	maps.DeleteFunc(s.outbox.subscribers, func(_ string, s outbox.Subscriber) bool { return !s.ExpiresAt.After(now) })
	maps.DeleteFunc(s.outbox.queue, func(key deliveryKey, _ queued) bool {
		_, found := s.outbox.subscribers[key.subscriber]
		return !found
	})
	s.outbox.deliveries = slices.DeleteFunc(s.outbox.deliveries, func(d outbox.Delivery) bool { return !d.At.After(now.Add(-ttl)) })
	return nil
}

// Resume implements [outbox.Outbox].
func (s *Store) Resume(_ context.Context, name string) error {
	defer s.lock()()
	subscriber, found := s.outbox.subscribers[name]
	if !found {
		return outbox.ErrNoSubscriber
	}
	subscriber.Disabled = time.Time{}
	s.outbox.subscribers[name] = subscriber
	return nil
}

// Unsubscribe implements [outbox.Outbox].
func (s *Store) Unsubscribe(_ context.Context, name string) error {
	defer s.lock()()
	if _, found := s.outbox.subscribers[name]; !found {
		return outbox.ErrNoSubscriber
	}
	delete(s.outbox.subscribers, name)
	maps.DeleteFunc(s.outbox.queue, func(key deliveryKey, _ queued) bool { return key.subscriber == name })
	return nil
}

// Subscribers implements [outbox.Outbox].
func (s *Store) Subscribers(context.Context) ([]outbox.Subscriber, error) {
	defer s.lock()()
	var all []outbox.Subscriber
	for _, name := range s.outbox.subscribersAt(s.now()) {
		subscriber := s.outbox.subscribers[name]
		for key, q := range s.outbox.queue {
			if key.subscriber != name || !q.pending() {
				continue
			}
			subscriber.Waiting++
			if subscriber.Since.IsZero() || q.Since.Before(subscriber.Since) {
				subscriber.Since = q.Since
			}
		}
		all = append(all, subscriber)
	}
	return all, nil
}

// Deliveries implements [outbox.Outbox].
func (s *Store) Deliveries(_ context.Context, subscriber, event string, before int64, n int) ([]outbox.Delivery, error) {
	defer s.lock()()
	var all []outbox.Delivery
	for _, d := range s.outbox.deliveries {
		if cmp.Or(subscriber, d.Subscriber) == d.Subscriber && cmp.Or(event, d.Event) == d.Event && (before == 0 || d.Seq < before) {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(x, y outbox.Delivery) int { return cmp.Compare(y.Seq, x.Seq) })
	return all[:min(n, len(all))], nil
}
