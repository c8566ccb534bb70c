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
)

// A Store keeps everything under one lock. Any number of goroutines may use it simultaneously.
type Store struct {
	now func() time.Time

	mu      sync.Mutex
	keys    map[keys.Code]keys.Key
	tasks   map[string]tasks.Task
	plans   map[string]stock.Plan
	seq     int64 // of the newest plan
	history map[keys.Code][]tasks.Event
	known   map[done]bool
	batches map[string][]keys.Code
	outbox  outbox
}

// done identifies a change that was made.
type done struct {
	code keys.Code
	id   string
}

// New returns an empty store. now is its clock, such as [time.Now]; the store truncates times to the microsecond.
func New(now func() time.Time) *Store {
	return &Store{
		now:     now,
		keys:    map[keys.Code]keys.Key{},
		tasks:   map[string]tasks.Task{},
		plans:   map[string]stock.Plan{},
		history: map[keys.Code][]tasks.Event{},
		known:   map[done]bool{},
		batches: map[string][]keys.Code{},
	}
}

var (
	_ tasks.Store      = (*Store)(nil)
	_ tasks.AdminStore = (*Store)(nil)
)

// Snapshots implements [tasks.Store].
func (s *Store) Snapshots(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	views := make([]tasks.Snapshot, len(codes))
	for i, code := range codes {
		views[i] = s.view(s.keys[code], s.keys[code].Task)
	}
	return views, nil
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

// view returns a snapshot of a key with a task. The task is a copy, so that callers cannot change the store.
func (s *Store) view(key keys.Key, id string) tasks.Snapshot {
	v := tasks.Snapshot{At: s.clock(), Key: key}
	if t, found := s.tasks[id]; found {
		t.Faulty, t.Sealed = slices.Clone(t.Faulty), slices.Clone(t.Sealed)
		v.Task = &t
	}
	return v
}

// clock returns the current time as databases store it: in UTC, to the microsecond.
func (s *Store) clock() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// Stock implements [tasks.Store].
func (s *Store) Stock(ctx context.Context) ([]stock.Level, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return stock.Levels(s.clock(), s.inOrder()), nil
}

func (s *Store) inOrder() []stock.Plan {
	all := make([]stock.Plan, 0, len(s.plans))
	for _, p := range s.plans {
		all = append(all, p)
	}
	slices.SortFunc(all, func(x, y stock.Plan) int { return cmp.Compare(x.Seq, y.Seq) })
	return all
}
