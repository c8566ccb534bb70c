// Package batch makes concurrent callers share calls. A [Batcher] queues their items while a call runs, and sends
// all queued items in the next one.
package batch

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// A Batcher sends the items of many callers in few calls. Q is the type of an item, such as a key's code, and R is
// the type of its result. Set the exported fields before the first use. A Batcher is safe for concurrent use, and
// has goroutines of its own only while calls run.
//
// A request is queued while a call runs. When the call returns, a goroutine takes up to MaxBatch queued requests and
// sends them in one call. The states of a request are:
//
//	Do ─▶ queued ─▶ in a batch ─▶ completed ─▶ Do returns
//	        │           │              ▲
//	        └───────────┴──────────────┘ its context has ended, and a slow call notices it
//
// The states of a goroutine that sends batches are:
//
//	              takeBatch            after slowAfter
//	start ─▶ fast ─────────▶ fast call ───────────────▶ slow call
//	          ▲ │               │                          │
//	          │ └─▶ ends        │ call returns             │ call returns
//	          └─────────────────┴──────────────────────────┘
//
// A single request needs no goroutine. Its caller counts as one, sends the request inline, and leaves the requests
// that arrive in the meantime to a new goroutine.
//
// A goroutine starts only while no other one is fast and fewer than MaxInFlight run. The fast goroutine takes the
// queued requests after its call, so no request is forgotten.
type Batcher[Q, R any] struct {
	Call              func(ctx context.Context, items []Q) ([]R, error) // returns one result for each item
	MaxBatch          int                                               // items in one call
	MaxInFlight       int                                               // simultaneous calls
	CallTimeout       time.Duration                                     // of one call
	RetryIndividually bool                                              // if a batch fails, send each of its items again by itself
	AllowInline       bool                                              // run a single request in the goroutine of its caller

	mu           sync.Mutex
	queue        []request[Q, R]
	inFlight     int // goroutines that send batches
	fastInFlight int // fast goroutines among them
}

// A request is one item of one caller.
type request[Q, R any] struct {
	ctx  context.Context // of the caller
	item Q
	done chan Result[R] // has a buffer of one
}

func newRequest[Q, R any](ctx context.Context, item Q) request[Q, R] {
	return request[Q, R]{ctx, item, make(chan Result[R], 1)}
}

// A Result is the result of one request. Its Value is a slice of length one of the batch's results, so that
// nothing is copied.
type Result[R any] struct {
	Value []R
	Err   error
}

// complete sets the result. It does nothing if the request has a result already.
func (r request[Q, R]) complete(with Result[R]) {
	select {
	case r.done <- with:
	default:
	}
}

// cancelled reports whether the caller's context has ended. If so, it completes the request with the context's
// error.
func (r request[Q, R]) cancelled() bool {
	err := r.ctx.Err()
	if err != nil {
		r.complete(Result[R]{Err: err})
	}
	return err != nil
}

// wait blocks until the request is completed. It does not select on ctx.Done, which would cost a timer per caller.
// Instead, a slow call completes the requests of all callers whose context has ended.
func (r request[Q, R]) wait() ([]R, error) {
	got := <-r.done
	return got.Value, got.Err
}

// Do sends one item, and returns its result as a slice of length one. If ctx ends first, Do returns the error of
// ctx within 50 ms. The item may or may not have been sent then.
func (b *Batcher[Q, R]) Do(ctx context.Context, item Q) ([]R, error) {
	r := newRequest[Q, R](ctx, item)
	if b.enqueue(r) {
		if deadline, has := ctx.Deadline(); has && b.AllowInline && b.takeIfOnly() {
			return b.runInline(ctx, deadline, item)
		}
		go b.runLoop()
	}
	return r.wait()
}

// Start sends one item without waiting. The returned channel receives one result. Use it for an item that must be
// sent although its caller may not wait for the result.
func (b *Batcher[Q, R]) Start(ctx context.Context, item Q) <-chan Result[R] {
	r := newRequest[Q, R](ctx, item)
	if b.enqueue(r) {
		go b.runLoop()
	}
	return r.done
}

// enqueue adds a request to the queue. It reports whether the caller must start a goroutine that sends it, or send
// it inline.
func (b *Batcher[Q, R]) enqueue(r request[Q, R]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = append(b.queue, r)
	return b.acquire()
}

// acquire reports whether another goroutine may send batches, and counts it as fast. The caller holds b.mu.
func (b *Batcher[Q, R]) acquire() bool {
	if b.fastInFlight > 0 || b.inFlight >= b.MaxInFlight {
		return false
	}
	b.inFlight++
	b.fastInFlight++
	return true
}

// release counts one fast goroutine less. The caller holds b.mu.
func (b *Batcher[Q, R]) release() {
	b.inFlight--
	b.fastInFlight--
}

// takeIfOnly yields once, so that goroutines that are ready to run can add requests. If the caller's request is
// still the only one, takeIfOnly removes it from the queue and returns true.
func (b *Batcher[Q, R]) takeIfOnly() bool {
	runtime.Gosched()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) != 1 {
		return false
	}
	b.queue = nil
	return true
}

// runInline sends one request in the goroutine of its caller. The caller's deadline bounds the call, but a
// cancellation of ctx does not end it, because the database connection would be closed then.
func (b *Batcher[Q, R]) runInline(ctx context.Context, deadline time.Time, item Q) ([]R, error) {
	defer b.finishInline()
	defer b.watchSlow(nil).finish()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(time.Until(deadline), b.CallTimeout))
	defer cancel()
	return b.Call(ctx, []Q{item})
}

// finishInline releases the caller of an inline call. If requests are queued, a goroutine takes its place.
func (b *Batcher[Q, R]) finishInline() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) > 0 {
		go b.runLoop()
		return
	}
	b.release()
}

// A call becomes slow after slowAfter. Before that, no other call starts, because one call at a time gives the largest
// batches. When the call becomes slow, another call may start. At that time, and every cancelPoll after it, the
// requests whose context has ended are completed with its error.
const (
	slowAfter  = 5 * time.Millisecond
	cancelPoll = 50 * time.Millisecond
)

// A slowCall is one running call, with the timer that makes it slow. The batcher's mutex protects its fields.
type slowCall[Q, R any] struct {
	batcher *Batcher[Q, R]
	batch   []request[Q, R]
	timer   *time.Timer
	slow    bool
	over    bool
}

// watchSlow starts the timer of a call. The call ends with [slowCall.finish].
func (b *Batcher[Q, R]) watchSlow(batch []request[Q, R]) *slowCall[Q, R] {
	c := &slowCall[Q, R]{batcher: b, batch: batch}
	b.mu.Lock()
	defer b.mu.Unlock()
	c.timer = time.AfterFunc(slowAfter, c.onSlow)
	return c
}

// onSlow runs when the call becomes slow, and every [cancelPoll] after that. The first run lets another call
// start. Each run completes the requests whose context has ended.
func (c *slowCall[Q, R]) onSlow() {
	b := c.batcher
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case c.over:
		return
	case !c.slow:
		c.slow = true
		b.startAnother()
	}
	for _, r := range c.batch {
		r.cancelled()
	}
	b.queue = slices.DeleteFunc(b.queue, request[Q, R].cancelled)
	c.timer.Reset(cancelPoll)
}

// startAnother counts the goroutine of a slow call as not fast. If requests are queued, it starts another
// goroutine for them. The caller holds b.mu.
func (b *Batcher[Q, R]) startAnother() {
	b.fastInFlight--
	if len(b.queue) > 0 && b.acquire() {
		go b.runLoop()
	}
}

// finish stops the timer. The goroutine of the call is fast again.
func (c *slowCall[Q, R]) finish() {
	c.timer.Stop()
	c.batcher.mu.Lock()
	defer c.batcher.mu.Unlock()
	c.over = true
	if c.slow {
		c.batcher.fastInFlight++
	}
}
