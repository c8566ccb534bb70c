// Package memory is a store of keyseat in the memory of one process. Other stores are compared with it, and
// tests, demos and simulations run on it.
//
// The store implements every port of a store: [tasks.Store], [tasks.LoginCounter], [adminstore.AdminStore],
// [outbox.Outbox], [audit.Inspector], [archive.Archiver], [stats.TaskStats] and [activity.Store]. The code is plain:
// maps under one lock.
//
// Nothing in the store survives the process. Lists and leases take time proportional to the number of
// stored tasks and keys, because they scan all of them.
package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/keyseat/keyseat/internal/logincount"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// A Store keeps everything under one lock. Any number of goroutines may use it simultaneously.
type Store struct {
	clock func() time.Time

	mu       sync.Mutex
	keys     map[keys.Code]keys.Key
	tasks    map[string]tasks.Task
	plans    map[string]stock.Plan
	planSeq  int64 // the Seq of the newest plan
	history  map[keys.Code][]tasks.Event
	applied  map[changeKey]bool
	batches  map[string][]keys.Code
	outbox   outboxState
	activity []activity.Entry

	logins *logincount.Counter // has a lock of its own
}

// A changeKey identifies a change.
type changeKey struct {
	code keys.Code
	id   string
}

// New returns an empty store. Its clock can be [time.Now]; the store truncates times to the microsecond.
func New(clock func() time.Time) *Store {
	return &Store{
		clock:   clock,
		keys:    map[keys.Code]keys.Key{},
		tasks:   map[string]tasks.Task{},
		plans:   map[string]stock.Plan{},
		history: map[keys.Code][]tasks.Event{},
		applied: map[changeKey]bool{},
		batches: map[string][]keys.Code{},
		outbox:  outboxState{subscribers: map[string]outbox.Subscriber{}, queue: map[deliveryKey]queued{}},
		logins:  &logincount.Counter{Now: clock, Window: tasks.LoginTestTTL, PerKey: tasks.KeyLoginTTL},
	}
}

var (
	_ tasks.Store           = (*Store)(nil)
	_ tasks.LoginCounter    = (*Store)(nil)
	_ adminstore.AdminStore = (*Store)(nil)
)

func (s *Store) lock() (unlock func()) {
	s.mu.Lock()
	return s.mu.Unlock
}

// Snapshots implements [tasks.Store].
func (s *Store) Snapshots(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	defer s.lock()()
	snapshots := make([]tasks.Snapshot, len(codes))
	for i, code := range codes {
		snapshots[i] = s.snapshot(s.keys[code], s.keys[code].Task)
	}
	return snapshots, nil
}

// Find implements [tasks.Store].
func (s *Store) Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	defer s.lock()()
	found := make([]keys.Key, len(codes))
	for i, code := range codes {
		found[i] = s.keys[code]
	}
	return found, nil
}

// snapshot returns a snapshot of a key with a task. The task is a copy, so that callers cannot change the store.
func (s *Store) snapshot(key keys.Key, id string) tasks.Snapshot {
	v := tasks.Snapshot{At: s.now(), Key: key}
	if t, found := s.tasks[id]; found {
		t.Faulty, t.Sealed = slices.Clone(t.Faulty), slices.Clone(t.Sealed)
		v.Task = &t
	}
	return v
}

// now returns the current time as databases store it: in UTC, to the microsecond.
func (s *Store) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// Stock implements [tasks.Store].
func (s *Store) Stock(ctx context.Context) ([]stock.Level, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	defer s.lock()()
	return stock.Levels(s.now(), s.plansInOrder()), nil
}

func (s *Store) plansInOrder() []stock.Plan {
	return slices.SortedFunc(maps.Values(s.plans), func(x, y stock.Plan) int { return cmp.Compare(x.Seq, y.Seq) })
}

// Lease implements [tasks.Store].
func (s *Store) Lease(ctx context.Context, _ string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	defer s.lock()()
	var snapshots []tasks.Snapshot
	for _, t := range s.due(n, ttl) {
		if !t.LeasedUntil.IsZero() {
			t.LostLeases++
		}
		t.Fence++
		t.LeasedUntil = s.now().Add(ttl)
		s.tasks[t.ID] = t
		snapshots = append(snapshots, s.snapshot(s.keys[t.Code], t.ID))
	}
	return snapshots, nil
}

// due returns up to n open tasks to lease, the longest due first. A time more than 2×ttl in the future was written
// before the clock was set back. A lease that ends that far in the future counts as expired. A task whose newest event
// is that far in the future counts as due.
func (s *Store) due(n int, ttl time.Duration) []tasks.Task {
	now := s.now()
	latest := now.Add(2 * ttl) // a later time was written before the clock was set back
	var due []tasks.Task
	for _, t := range s.tasks {
		if t.Open() && (!t.LeasableAt().After(now) || t.LeasedUntil.After(latest) || t.LeasedUntil.IsZero() && s.lastDecided(t).After(latest)) {
			due = append(due, t)
		}
	}
	slices.SortFunc(due, func(x, y tasks.Task) int { return x.LeasableAt().Compare(y.LeasableAt()) })
	return due[:min(n, len(due))]
}

// lastDecided returns the time of the newest event of a task. The clock may have been set back after that event.
func (s *Store) lastDecided(t tasks.Task) (at time.Time) {
	for _, e := range s.history[t.Code] {
		if e.Task == t.ID {
			at = e.At
		}
	}
	return at
}

// Extend implements [tasks.Store].
func (s *Store) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	defer s.lock()()
	errs := make([]error, len(refs))
	for i, ref := range refs {
		t, found := s.tasks[ref.ID]
		if !found || t.Ref() != ref || !t.Open() || t.LeasedUntil.IsZero() {
			errs[i] = tasks.ErrFenced
			continue
		}
		t.LeasedUntil = time.Time{}
		if ttl > 0 {
			t.LeasedUntil = s.now().Add(ttl)
		}
		s.tasks[t.ID] = t
	}
	return errs, nil
}

// CountLogins implements [tasks.LoginCounter].
func (s *Store) CountLogins(ctx context.Context, tests []tasks.LoginTest) ([]tasks.LoginCounts, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	counts := make([]tasks.LoginCounts, len(tests))
	for i, t := range tests {
		counts[i].Tests, counts[i].Logins = s.logins.Count(t.Login, string(t.Code))
	}
	return counts, nil
}

// ReleaseLogins implements [tasks.LoginCounter].
func (s *Store) ReleaseLogins(ctx context.Context, tests []tasks.LoginTest) error {
	for _, t := range tests {
		s.logins.Release(t.Login, string(t.Code), t.Succeeded)
	}
	return ctx.Err()
}

// An outboxState holds the history, the subscribers and their queued deliveries. [Store.mu] protects it.
type outboxState struct {
	entries     []tasks.HistoryEntry // the history of all keys, ordered by Seq
	lastSeq     int64                // the Seq of the newest entry
	unrouted    []tasks.HistoryEntry
	subscribers map[string]outbox.Subscriber
	queue       map[deliveryKey]queued
	deliveries  []outbox.Delivery // ordered by Seq, from 1
	deliverySeq int64             // the Seq of the newest delivery
}

// A deliveryKey identifies a queued delivery: the subscriber, and either the key or the country.
type deliveryKey struct {
	subscriber string
	code       keys.Code
	country    stock.Country
}

// A queued holds a queued delivery and the end of its lease. Without a lease, leasedUntil is zero.
type queued struct {
	outbox.QueuedDelivery
	leasedUntil time.Time
}
