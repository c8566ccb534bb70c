package memory

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A Store keeps everything under one lock. Any number of goroutines may use it simultaneously.
type Store struct {
	clock func() time.Time

	mu      sync.Mutex
	keys    map[keys.Code]keys.Key
	tasks   map[string]tasks.Task
	plans   map[string]stock.Plan
	planSeq int64 // the Seq of the newest plan
	history map[keys.Code][]tasks.Event
	applied map[changeKey]bool
	batches map[string][]keys.Code
	outbox  outboxState
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
	}
}

var (
	_ tasks.Store           = (*Store)(nil)
	_ adminstore.AdminStore = (*Store)(nil)
)

// Snapshots implements [tasks.Store].
func (s *Store) Snapshots(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
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
	s.mu.Lock()
	defer s.mu.Unlock()
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
	s.mu.Lock()
	defer s.mu.Unlock()
	return stock.Levels(s.now(), s.plansInOrder()), nil
}

// plansInOrder returns all plans in the order of their creation.
func (s *Store) plansInOrder() []stock.Plan {
	all := make([]stock.Plan, 0, len(s.plans))
	for _, p := range s.plans {
		all = append(all, p)
	}
	slices.SortFunc(all, func(x, y stock.Plan) int { return cmp.Compare(x.Seq, y.Seq) })
	return all
}
