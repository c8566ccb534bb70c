package memory

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// Route implements [tasks.Outbox].
func (s *Store) Route(_ context.Context, causes []tasks.EventType, n int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n = min(n, len(s.outbox.fresh))
	for _, line := range s.outbox.fresh[:n] {
		if !slices.Contains(causes, line.Type) {
			continue
		}
		for _, name := range s.outbox.heard(s.clock()) {
			s.outbox.add(name, line, s.clock(), false)
		}
	}
	s.outbox.fresh = s.outbox.fresh[n:]
	return n, nil
}

// SetLowStock implements [tasks.Outbox].
func (s *Store) SetLowStock(_ context.Context, listener string, countries []stock.Country, mark int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.outbox.mail, func(about subject, _ letter) bool {
		return about.listener == listener && about.code == "" && !slices.Contains(countries, about.country)
	})
	_, listens := s.outbox.listeners[listener]
	for _, country := range countries {
		if _, found := s.outbox.mail[subject{listener, "", country}]; !found && listens {
			s.outbox.put(letter{QueuedDelivery: tasks.QueuedDelivery{
				Subscriber: listener, Country: country, LastSeq: mark, Since: s.clock(), DueAt: s.clock(),
			}})
		}
	}
	return nil
}

// Replay implements [tasks.Outbox].
func (s *Store) Replay(_ context.Context, r tasks.Replay) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rewound := map[keys.Code]bool{}
	if _, listens := s.outbox.listeners[r.Subscriber]; !listens {
		return 0, nil
	}
	for _, line := range s.outbox.lines {
		if (r.Code == "" || line.Code == r.Code) && line.Seq > r.After && !line.At.Before(r.Since) && slices.Contains(r.Causes, line.Type) {
			s.outbox.add(r.Subscriber, line, s.clock(), true)
			rewound[line.Code] = true
		}
	}
	return len(rewound), nil
}

// LeaseDeliveries implements [tasks.Outbox].
func (s *Store) LeaseDeliveries(_ context.Context, listener, lease string, n int, ttl time.Duration) ([]tasks.QueuedDelivery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, who := s.clock(), s.outbox.listeners[listener]
	if !who.Disabled.IsZero() {
		return nil, nil
	}
	var due []letter
	for about, l := range s.outbox.mail {
		if about.listener == listener && l.pending() && !l.ready().After(now) {
			due = append(due, l)
		}
	}
	slices.SortFunc(due, func(x, y letter) int { return x.ready().Compare(y.ready()) })
	var all []tasks.QueuedDelivery
	for _, l := range due[:min(n, len(due))] {
		l.Lease, l.leased = lease, now.Add(ttl)
		s.outbox.put(l)
		l.At, l.Entries = now, s.outbox.about(l.QueuedDelivery)
		all = append(all, l.QueuedDelivery)
	}
	return all, nil
}

// about returns the next history entries of a queued delivery, up to [tasks.MaxEntries].
func (o *outbox) about(m tasks.QueuedDelivery) (lines []tasks.HistoryEntry) {
	for _, line := range o.lines {
		if line.Code == m.Code && line.Seq > m.DeliveredSeq && line.Seq <= m.LastSeq && len(lines) < tasks.MaxEntries {
			lines = append(lines, line)
		}
	}
	return lines
}

// CompleteDelivery implements [tasks.Outbox].
func (s *Store) CompleteDelivery(_ context.Context, m tasks.QueuedDelivery, d *tasks.Delivery) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outbox.record(d)
	about := subject{m.Subscriber, m.Code, m.Country}
	l, found := s.outbox.mail[about]
	if !found || l.Lease != m.Lease {
		return tasks.ErrFenced
	}
	s.outbox.part(d, s.clock())
	l.DeliveredSeq, l.DeliveredEvent, l.Attempts, l.Since, l.DueAt = m.DeliveredSeq, m.DeliveredEvent, m.Attempts, m.Since, m.DueAt
	l.Lease, l.leased = "", time.Time{}
	s.outbox.put(l)
	if m.Code != "" && !l.pending() {
		delete(s.outbox.mail, about)
	}
	return nil
}

func (o *outbox) record(d *tasks.Delivery) {
	if d == nil {
		return
	}
	o.logged++
	logged := *d
	logged.Seq = o.logged
	o.deliveries = append(o.deliveries, logged)
}

// part disables the subscriber if the result of the delivery is [tasks.SubscriberGone].
func (o *outbox) part(d *tasks.Delivery, at time.Time) {
	if d == nil || d.Result != tasks.SubscriberGone {
		return
	}
	if l, found := o.listeners[d.Subscriber]; found && l.Disabled.IsZero() {
		l.Disabled = at
		o.listeners[d.Subscriber] = l
	}
}
