package batchstore

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// Options sets the bounds of batches. A zero field is what its comment ends with.
type Options struct {
	Batch  int           // the most keys or changes of one call; 0: 512
	Reads  int           // calls of Snapshots, and of Find, under way at once, the further beside slow ones; 0: 2
	Writes int           // calls of Apply under way at once, the further beside slow ones; 0: 1
	Bound  time.Duration // the longest that one call may take; 0: 10s

	// Observe is told how many callers share each call of Snapshots, Find, Apply and Stock ("view", …), at once
	// from many goroutines; nil: nobody looks.
	Observe func(call string, size int)
}

func (o Options) filled() Options {
	o.Batch = otherwise(o.Batch, 512)
	o.Reads = otherwise(o.Reads, 2)
	o.Writes = otherwise(o.Writes, 1)
	o.Bound = otherwise(o.Bound, 10*time.Second)
	return o
}

func otherwise[T comparable](value, missing T) T {
	var zero T
	if value == zero {
		return missing
	}
	return value
}

// A Store is a [tasks.Store] round another. It takes calls from any number of goroutines, and holds
// a goroutine only while calls are under way.
//
// A caller whose context ends returns within 50 ms; a call that is under way goes on without it, since
// a commit must not be cut and the others wait for it. Only one that reads by itself, and has a deadline,
// stays until that at most.
type Store struct {
	inner  tasks.Store
	views  *line[keys.Code, tasks.Snapshot]
	finds  *line[keys.Code, keys.Key]
	writes *line[tasks.Change, error]
	stocks *line[struct{}, []stock.Level]
}

var _ tasks.Store = (*Store)(nil)

// New groups the calls of that store.
func New(inner tasks.Store, o Options) *Store {
	o = o.filled()
	s := &Store{
		inner:  inner,
		views:  newLine(o, "view", inner.Snapshots, o.Reads),
		finds:  newLine(o, "find", inner.Find, o.Reads),
		writes: newLine(o, "apply", inner.Apply, o.Writes),
	}
	s.stocks = newLine(o, "stock", s.stockOnce, 1)
	s.views.own, s.finds.own, s.writes.again = true, true, true
	return s
}

// observed tells the size of each batch that is sent.
func observed[Q, A any](o Options, call string, send func(context.Context, []Q) ([]A, error)) func(context.Context, []Q) ([]A, error) {
	if o.Observe == nil {
		return send
	}
	return func(ctx context.Context, batch []Q) ([]A, error) {
		o.Observe(call, len(batch))
		return send(ctx, batch)
	}
}

// Snapshots implements [tasks.Store]. A call for several keys is a batch already.
func (s *Store) Snapshots(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	if len(codes) != 1 {
		return s.inner.Snapshots(ctx, codes)
	}
	return s.views.ask(ctx, codes[0])
}

// Find implements [tasks.Store]. A call for several keys is a batch already.
func (s *Store) Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	if len(codes) != 1 {
		return s.inner.Find(ctx, codes)
	}
	return s.finds.ask(ctx, codes[0])
}

// Apply implements [tasks.Store]. A call with several changes is a batch already.
func (s *Store) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	if len(changes) != 1 {
		return s.inner.Apply(ctx, changes)
	}
	return s.writes.ask(ctx, changes[0])
}

// Lease implements [tasks.Store].
func (s *Store) Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	return s.inner.Lease(ctx, worker, n, ttl)
}

// Extend implements [tasks.Store].
func (s *Store) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) ([]error, error) {
	return s.inner.Extend(ctx, refs, ttl)
}

// Stock implements [tasks.Store]. The callers that share a call share the slice: it is for reading.
func (s *Store) Stock(ctx context.Context) ([]stock.Level, error) {
	levels, err := s.stocks.ask(ctx, struct{}{})
	if err != nil {
		return nil, err
	}
	return levels[0], nil
}

func (s *Store) stockOnce(ctx context.Context, askers []struct{}) ([][]stock.Level, error) {
	levels, err := s.inner.Stock(ctx)
	all := make([][]stock.Level, len(askers))
	for i := range all {
		all[i] = levels
	}
	return all, err
}
