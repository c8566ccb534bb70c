// Package batchstore makes concurrent callers of a store share its reads and commits. It is a [tasks.Store] around
// any other one:
//
//	store := batchstore.New(inner, batchstore.Options{})
//
// When the store becomes free, all queued requests go out as one call. A batch is therefore as large as the load
// makes it, and no request waits for a batch to fill. A single request goes out immediately, as a batch of one.
// A single Snapshots or Find with a deadline even runs in the goroutine of its caller.
//
//	caller ─┐                      ┌─▶ caller
//	caller ─┼─▶ queue ─▶ one call ─┼─▶ caller
//	caller ─┘                      └─▶ caller
//
// While calls are fast, one call of a kind runs at a time. If a call takes longer than 5 ms, another one may
// start, up to [Options.MaxReads] or [Options.MaxWrites].
//
// If Apply fails and the outcome of a batch is not known, each of its changes is applied again in a call of its own. So
// a change that the store can never make does not make the other changes fail. The ids of changes make the repetition
// safe.
//
// The store batches Snapshots, Find, Apply and Stock. Lease and Extend are batches already.
//
// The store does not count logins. An engine of daemon.NewEngine counts them with the inner store, one call for each
// login. To batch these calls too, set the field Logins of the engine to a counter of [NewLoginCounter].
package batchstore

import (
	"context"
	"slices"
	"time"

	"github.com/keyseat/keyseat/internal/batch"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// Options sets the bounds of batches. If a bound is 0 or less, its default applies. Calls of one kind run
// simultaneously only while they are slow, which means that they take longer than 5 ms.
type Options struct {
	MaxBatch    int           // the maximum number of keys or changes in one call; default 512
	MaxReads    int           // the maximum number of simultaneous calls, for Snapshots and for Find each; default 2
	MaxWrites   int           // the maximum number of simultaneous calls of Apply; default 1
	CallTimeout time.Duration // the timeout of one call; default 10s

	// RetryReads repeats each read of a failed call in a call of its own. It is for a store on several servers: while
	// one server cannot be reached, the reads on the other servers must not fail. Changes of a failed call are always
	// repeated.
	RetryReads bool

	// Observe is called before each batch. The argument call is "view" (Snapshots), "find", "apply" or "stock", and
	// size is the number of callers that share the batch. Many goroutines call Observe simultaneously. Observe may be
	// nil.
	Observe func(call string, size int)
}

func (o Options) withDefaults() Options {
	o.MaxBatch = defaultTo(o.MaxBatch, 512)
	o.MaxReads = defaultTo(o.MaxReads, 2)
	o.MaxWrites = defaultTo(o.MaxWrites, 1)
	o.CallTimeout = defaultTo(o.CallTimeout, 10*time.Second)
	return o
}

func defaultTo[T int | time.Duration](value, missing T) T {
	if value <= 0 {
		return missing
	}
	return value
}

// A Store is a [tasks.Store] around another one. Any number of goroutines may use it simultaneously. It has
// goroutines of its own only while calls run.
//
// A caller whose context ends returns within 50 ms. The running call continues, because a commit must not be
// interrupted and other callers wait for it. The exception is a single Snapshots or Find with a deadline, which runs in
// the goroutine of its caller. A cancellation does not end such a call. It returns its result, at the latest at the
// deadline.
type Store struct {
	inner     tasks.Store
	snapshots *batch.Batcher[keys.Code, tasks.Snapshot]
	finds     *batch.Batcher[keys.Code, keys.Key]
	applies   *batch.Batcher[tasks.Change, error]
	stocks    *batch.Batcher[struct{}, []stock.Level]
}

var _ tasks.Store = (*Store)(nil)

// New returns a store that batches the calls to inner.
func New(inner tasks.Store, o Options) *Store {
	o = o.withDefaults()
	s := &Store{
		inner:     inner,
		snapshots: newBatcher(o, "view", inner.Snapshots, o.MaxReads),
		finds:     newBatcher(o, "find", inner.Find, o.MaxReads),
		applies:   newBatcher(o, "apply", inner.Apply, o.MaxWrites),
	}
	s.stocks = newBatcher(o, "stock", s.sharedStock, 1)
	s.snapshots.AllowInline, s.finds.AllowInline, s.applies.RetryIndividually = true, true, true
	s.snapshots.RetryIndividually, s.finds.RetryIndividually = o.RetryReads, o.RetryReads
	return s
}

// Unwrap returns the inner store.
func (s *Store) Unwrap() tasks.Store { return s.inner }

func newBatcher[Q, R any](o Options, name string, call func(context.Context, []Q) ([]R, error), maxInFlight int) *batch.Batcher[Q, R] {
	observed := func(ctx context.Context, items []Q) ([]R, error) {
		if o.Observe != nil {
			o.Observe(name, len(items))
		}
		return call(ctx, items)
	}
	return &batch.Batcher[Q, R]{Call: observed, MaxBatch: o.MaxBatch, MaxInFlight: maxInFlight, CallTimeout: o.CallTimeout}
}

// Snapshots implements [tasks.Store]. A call for several keys goes directly to the inner store.
func (s *Store) Snapshots(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	if len(codes) != 1 {
		return s.inner.Snapshots(ctx, codes)
	}
	return s.snapshots.Do(ctx, codes[0])
}

// Find implements [tasks.Store]. A call for several keys goes directly to the inner store.
func (s *Store) Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	if len(codes) != 1 {
		return s.inner.Find(ctx, codes)
	}
	return s.finds.Do(ctx, codes[0])
}

// Apply implements [tasks.Store]. A call with several changes goes directly to the inner store.
func (s *Store) Apply(ctx context.Context, changes []tasks.Change) ([]error, error) {
	if len(changes) != 1 {
		return s.inner.Apply(ctx, changes)
	}
	return s.applies.Do(ctx, changes[0])
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
	levels, err := s.stocks.Do(ctx, struct{}{})
	if err != nil {
		return nil, err
	}
	return levels[0], nil
}

func (s *Store) sharedStock(ctx context.Context, callers []struct{}) ([][]stock.Level, error) {
	levels, err := s.inner.Stock(ctx)
	return slices.Repeat([][]stock.Level{levels}, len(callers)), err
}

// A LoginCounter is a [tasks.LoginCounter] around another one. Concurrent callers share its calls.
type LoginCounter struct {
	counts   *batch.Batcher[tasks.LoginTest, tasks.LoginCounts]
	releases *batch.Batcher[tasks.LoginTest, struct{}]
}

var _ tasks.LoginCounter = (*LoginCounter)(nil)

// NewLoginCounter returns a counter that batches the calls to inner. [Options.Observe] sees "count_logins" and
// "release_logins".
func NewLoginCounter(inner tasks.LoginCounter, o Options) *LoginCounter {
	o = o.withDefaults()
	release := func(ctx context.Context, tests []tasks.LoginTest) ([]struct{}, error) {
		return make([]struct{}, len(tests)), inner.ReleaseLogins(ctx, tests)
	}
	return &LoginCounter{newBatcher(o, "count_logins", inner.CountLogins, 1), newBatcher(o, "release_logins", release, 1)}
}

// CountLogins implements [tasks.LoginCounter].
func (c *LoginCounter) CountLogins(ctx context.Context, tests []tasks.LoginTest) (counts []tasks.LoginCounts, err error) {
	for i := 0; i < len(tests) && err == nil; i++ {
		var one []tasks.LoginCounts
		one, err = c.counts.Do(ctx, tests[i])
		counts = append(counts, one...)
	}
	return counts, err
}

// ReleaseLogins implements [tasks.LoginCounter].
func (c *LoginCounter) ReleaseLogins(ctx context.Context, tests []tasks.LoginTest) (err error) {
	for i := 0; i < len(tests) && err == nil; i++ {
		_, err = c.releases.Do(ctx, tests[i])
	}
	return err
}
