package batchstore

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// Options sets the bounds of batches. A field that is zero means the value at the end of its comment. A further
// simultaneous call starts only while the calls under way are slow.
type Options struct {
	Batch  int           // the most keys or changes in one call; 0: 512
	Reads  int           // the most simultaneous calls of Snapshots, and of Find; 0: 2
	Writes int           // the most simultaneous calls of Apply; 0: 1
	Bound  time.Duration // the timeout of one call; 0: 10s

	// Observe is called before each batch. call is "view" (Snapshots), "find", "apply" or "stock", and size is
	// the number of callers that share the batch. Many goroutines call Observe simultaneously. It may be nil.
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

// A Store is a [tasks.Store] around another one. Any number of goroutines may use it simultaneously. It has
// goroutines of its own only while calls are under way.
//
// A caller whose context ends returns within 50 ms. The call under way continues, because a commit must not be
// interrupted and other callers wait for it. The exception is a read with a deadline that runs in its caller's
// goroutine. After a cancellation such a read returns its result, at the latest at the deadline.
type Store struct {
	inner  tasks.Store
	views  *line[keys.Code, tasks.Snapshot]
	finds  *line[keys.Code, keys.Key]
	writes *line[tasks.Change, error]
	stocks *line[struct{}, []stock.Level]
}

var _ tasks.Store = (*Store)(nil)

// New returns a store that batches the calls to inner.
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

// observed returns send with a call of o.Observe before each batch. It returns send itself if Observe is nil.
func observed[Q, A any](o Options, call string, send func(context.Context, []Q) ([]A, error)) func(context.Context, []Q) ([]A, error) {
	if o.Observe == nil {
		return send
	}
	return func(ctx context.Context, batch []Q) ([]A, error) {
		o.Observe(call, len(batch))
		return send(ctx, batch)
	}
}

// Snapshots implements [tasks.Store]. A call for several keys goes directly to the inner store.
func (s *Store) Snapshots(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	if len(codes) != 1 {
		return s.inner.Snapshots(ctx, codes)
	}
	return s.views.ask(ctx, codes[0])
}

// Find implements [tasks.Store]. A call for several keys goes directly to the inner store.
func (s *Store) Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	if len(codes) != 1 {
		return s.inner.Find(ctx, codes)
	}
	return s.finds.ask(ctx, codes[0])
}

// Apply implements [tasks.Store]. A call with several changes goes directly to the inner store.
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

// Stock implements [tasks.Store]. Callers that share a call share the slice, so they must not change it.
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
