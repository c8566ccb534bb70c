package memory

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// Route implements [outbox.Outbox].
func (s *Store) Route(_ context.Context, types []tasks.EventType, n int) (int, error) {
	defer s.lock()()
	n = min(n, len(s.outbox.unrouted))
	for _, entry := range s.outbox.unrouted[:n] {
		if !slices.Contains(types, entry.Type) {
			continue
		}
		for _, name := range s.outbox.subscribersAt(s.now()) {
			s.outbox.enqueue(name, entry, s.now())
		}
	}
	s.outbox.unrouted = s.outbox.unrouted[n:]
	return n, nil
}

func (o *outboxState) enqueue(subscriber string, e tasks.HistoryEntry, at time.Time) {
	q, found := o.queue[deliveryKey{subscriber, e.Code, ""}]
	if !found {
		q.QueuedDelivery = outbox.QueuedDelivery{Subscriber: subscriber, Code: e.Code, DeliveredSeq: e.Seq - 1, Since: at, DueAt: at}
	}
	q.LastSeq = max(q.LastSeq, e.Seq)
	o.put(q)
}

func (o *outboxState) put(q queued) { o.queue[q.key()] = q }

// Replay implements [outbox.Outbox].
func (s *Store) Replay(_ context.Context, r outbox.Replay) (int, error) {
	defer s.lock()()
	replayed := map[keys.Code]bool{}
	if _, found := s.outbox.subscribers[r.Subscriber]; !found {
		return 0, nil
	}
	for _, e := range s.outbox.entries {
		if e.Code != "" && (r.Code == "" || e.Code == r.Code) && e.Seq > r.After && !e.At.Before(r.Since) && slices.Contains(r.Causes, e.Type) {
			s.outbox.replay(r.Subscriber, e, s.now())
			replayed[e.Code] = true
		}
	}
	return len(replayed), nil
}

// replay enqueues a history entry. The delivery starts again from that entry.
func (o *outboxState) replay(subscriber string, e tasks.HistoryEntry, at time.Time) {
	o.enqueue(subscriber, e, at)
	q := o.queue[deliveryKey{subscriber, e.Code, ""}]
	q.DeliveredSeq, q.DeliveredEvent, q.Attempts, q.Since, q.DueAt = min(q.DeliveredSeq, e.Seq-1), 0, 0, at, at
	q.Lease, q.leasedUntil = "", time.Time{}
	o.put(q)
}

// SetLowStock implements [outbox.Outbox].
func (s *Store) SetLowStock(_ context.Context, subscriber string, countries []stock.Country, mark int64) error {
	defer s.lock()()
	maps.DeleteFunc(s.outbox.queue, func(key deliveryKey, _ queued) bool {
		return key.subscriber == subscriber && key.code == "" && !slices.Contains(countries, key.country)
	})
	if _, found := s.outbox.subscribers[subscriber]; !found {
		return nil
	}
	for _, country := range countries {
		if _, found := s.outbox.queue[deliveryKey{subscriber, "", country}]; !found {
			s.outbox.put(queued{QueuedDelivery: outbox.QueuedDelivery{
				Subscriber: subscriber, Country: country, LastSeq: mark, Since: s.now(), DueAt: s.now(),
			}})
		}
	}
	return nil
}

// LeaseDeliveries implements [outbox.Outbox].
func (s *Store) LeaseDeliveries(_ context.Context, subscriber, lease string, n int, ttl time.Duration) ([]outbox.QueuedDelivery, error) {
	defer s.lock()()
	now := s.now()
	if !s.outbox.subscribers[subscriber].Disabled.IsZero() {
		return nil, nil
	}
	var due []queued
	for key, q := range s.outbox.queue {
		if key.subscriber == subscriber && q.pending() && !q.leasableAt().After(now) {
			due = append(due, q)
		}
	}
	slices.SortFunc(due, func(x, y queued) int { return x.leasableAt().Compare(y.leasableAt()) })
	var all []outbox.QueuedDelivery
	for _, q := range due[:min(n, len(due))] {
		q.Lease, q.leasedUntil = lease, now.Add(ttl)
		s.outbox.put(q)
		q.At, q.Entries = now, s.outbox.entriesOf(q.QueuedDelivery)
		all = append(all, q.QueuedDelivery)
	}
	return all, nil
}

func (o *outboxState) entriesOf(q outbox.QueuedDelivery) (entries []tasks.HistoryEntry) {
	for _, e := range o.entries {
		if e.Code == q.Code && e.Seq > q.DeliveredSeq && e.Seq <= q.LastSeq && len(entries) < outbox.MaxEntries {
			entries = append(entries, e)
		}
	}
	return entries
}

// CompleteDelivery implements [outbox.Outbox].
func (s *Store) CompleteDelivery(_ context.Context, q outbox.QueuedDelivery, d *outbox.Delivery) error {
	defer s.lock()()
	if d != nil {
		s.outbox.deliverySeq++
		recorded := *d
		recorded.Seq = s.outbox.deliverySeq
		s.outbox.deliveries = append(s.outbox.deliveries, recorded)
	}
	key := queued{QueuedDelivery: q}.key()
	stored, found := s.outbox.queue[key]
	if !found || stored.Lease != q.Lease {
		return tasks.ErrFenced
	}
	subscriber, found := s.outbox.subscribers[q.Subscriber]
	if found && subscriber.Disabled.IsZero() && d != nil && d.Result == outbox.SubscriberGone {
		subscriber.Disabled = s.now()
		s.outbox.subscribers[q.Subscriber] = subscriber
	}
	stored.DeliveredSeq, stored.DeliveredEvent, stored.Attempts = q.DeliveredSeq, q.DeliveredEvent, q.Attempts
	stored.Since, stored.DueAt = q.Since, q.DueAt
	stored.Lease, stored.leasedUntil = "", time.Time{}
	s.outbox.put(stored)
	if q.Code != "" && !stored.pending() {
		delete(s.outbox.queue, key)
	}
	return nil
}
