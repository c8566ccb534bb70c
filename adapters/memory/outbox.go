package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

var _ tasks.Outbox = (*Store)(nil)

// An outbox holds the history, the subscribers and their queued deliveries. Its zero value is empty. [Store.mu]
// protects it.
type outbox struct {
	lines      []tasks.HistoryEntry // the history of all keys, ordered by Seq
	written    int64                // the Seq of the newest entry of lines
	fresh      []tasks.HistoryEntry // entries that are not routed yet
	listeners  map[string]tasks.Subscriber
	mail       map[subject]letter
	deliveries []tasks.Delivery
	logged     int64
}

// A subject identifies a queued delivery: the subscriber, and either the key or the country.
type subject struct {
	listener string
	code     keys.Code
	country  stock.Country
}

// A letter is a queued delivery with the end of its lease. leased is zero if it has no lease.
type letter struct {
	tasks.QueuedDelivery
	leased time.Time
}

func (l letter) pending() bool { return l.LastSeq > l.DeliveredSeq }

func (l letter) ready() time.Time {
	if l.leased.IsZero() {
		return l.DueAt
	}
	return l.leased
}

// write appends events to the history. If the outbox has subscribers, [Store.Route] routes the entries later.
func (o *outbox) write(change string, at time.Time, events ...tasks.Event) {
	lines := o.note(change, events...)
	if len(o.heard(at)) > 0 {
		o.fresh = append(o.fresh, lines...)
	}
}

// note appends events to the history without routing them.
func (o *outbox) note(change string, events ...tasks.Event) []tasks.HistoryEntry {
	for n, e := range events {
		o.written++
		o.lines = append(o.lines, tasks.HistoryEntry{Seq: o.written, Change: change, N: n, Event: e})
	}
	return o.lines[len(o.lines)-len(events):]
}

// heard returns the sorted names of the subscribers whose subscription has not expired at that time.
func (o *outbox) heard(at time.Time) []string {
	var names []string
	for name, l := range o.listeners {
		if l.ExpiresAt.After(at) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (o *outbox) put(l letter) {
	if o.mail == nil {
		o.mail = map[subject]letter{}
	}
	o.mail[subject{l.Subscriber, l.Code, l.Country}] = l
}

// add adds a history entry to the subscriber's queued delivery for its key. If again is true, the delivery starts
// again from that entry even if the subscriber has received the entry before.
func (o *outbox) add(listener string, line tasks.HistoryEntry, at time.Time, again bool) {
	l, found := o.mail[subject{listener, line.Code, ""}]
	if !found {
		l = letter{QueuedDelivery: tasks.QueuedDelivery{Subscriber: listener, Code: line.Code, DeliveredSeq: line.Seq - 1, Since: at, DueAt: at}}
	}
	l.LastSeq = max(l.LastSeq, line.Seq)
	if again {
		l.DeliveredSeq, l.DeliveredEvent, l.Attempts, l.Since, l.DueAt = min(l.DeliveredSeq, line.Seq-1), 0, 0, at, at
		l.Lease, l.leased = "", time.Time{}
	}
	o.put(l)
}

// Subscribe implements [tasks.Outbox].
func (s *Store) Subscribe(_ context.Context, names []string, ttl time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outbox.listeners == nil {
		s.outbox.listeners = map[string]tasks.Subscriber{}
	}
	now := s.clock()
	for _, name := range names {
		l := s.outbox.listeners[name]
		l.Name, l.ExpiresAt = name, now.Add(ttl)
		s.outbox.listeners[name] = l
	}
	maps.DeleteFunc(s.outbox.listeners, func(_ string, l tasks.Subscriber) bool { return !l.ExpiresAt.After(now) })
	maps.DeleteFunc(s.outbox.mail, func(about subject, _ letter) bool {
		_, listens := s.outbox.listeners[about.listener]
		return !listens
	})
	s.outbox.deliveries = slices.DeleteFunc(s.outbox.deliveries, func(d tasks.Delivery) bool { return !d.At.After(now.Add(-ttl)) })
	return nil
}

// Resume implements [tasks.Outbox].
func (s *Store) Resume(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, found := s.outbox.listeners[name]
	if !found {
		return tasks.ErrNoSubscriber
	}
	l.Disabled = time.Time{}
	s.outbox.listeners[name] = l
	return nil
}

// Unsubscribe implements [tasks.Outbox].
func (s *Store) Unsubscribe(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, found := s.outbox.listeners[name]; !found {
		return tasks.ErrNoSubscriber
	}
	delete(s.outbox.listeners, name)
	maps.DeleteFunc(s.outbox.mail, func(about subject, _ letter) bool { return about.listener == name })
	return nil
}

// Subscribers implements [tasks.Outbox].
func (s *Store) Subscribers(context.Context) ([]tasks.Subscriber, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []tasks.Subscriber
	for _, name := range s.outbox.heard(s.clock()) {
		who := s.outbox.listeners[name]
		for about, l := range s.outbox.mail {
			if about.listener != name || !l.pending() {
				continue
			}
			who.Waiting++
			if who.Since.IsZero() || l.Since.Before(who.Since) {
				who.Since = l.Since
			}
		}
		all = append(all, who)
	}
	return all, nil
}

// Deliveries implements [tasks.Outbox].
func (s *Store) Deliveries(_ context.Context, listener, event string, before int64, n int) ([]tasks.Delivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []tasks.Delivery
	for _, d := range s.outbox.deliveries {
		if cmp.Or(listener, d.Subscriber) == d.Subscriber && cmp.Or(event, d.Event) == d.Event && (before == 0 || d.Seq < before) {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(x, y tasks.Delivery) int { return cmp.Compare(y.Seq, x.Seq) })
	return all[:min(n, len(all))], nil
}
