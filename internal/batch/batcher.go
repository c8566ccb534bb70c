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
//	        └───────────┴──────────────┘ its context has ended (a slow call checks this)
//
// The states of a goroutine that sends batches are:
//
//	              takeBatch            after slowAfter
//	start ─▶ fast ─────────▶ fast call ───────────────▶ slow call
//	          ▲ │               │                          │
//	          │ └─▶ ends        │ call returns             │ call returns
//	          └─────────────────┴──────────────────────────┘
//
// With AllowInline, a single request whose context has a deadline needs no new goroutine. Its caller counts as a
// goroutine that sends batches. The caller sends the request inline, and leaves the requests that arrive in the
// meantime to a new goroutine.
//
// A goroutine starts only while no other goroutine is fast and fewer than MaxInFlight goroutines run. The fast
// goroutine takes the queued requests after its call, so no request is forgotten.
type Batcher[Q, R any] struct {
	Call              func(ctx context.Context, items []Q) ([]R, error) // returns one result for each item
	MaxBatch          int                                               // the maximum number of items in one call
	MaxInFlight       int                                               // the maximum number of simultaneous calls
	CallTimeout       time.Duration                                     // the timeout of one call
	RetryIndividually bool                                              // if a batch fails, send each of its items again in a call of its own
	AllowInline       bool                                              // run a single request in the goroutine of its caller

	mu           sync.Mutex
	queue        []request[Q, R]
	inFlight     int // goroutines that send batches
	fastInFlight int // the fast ones of these goroutines
}

// A request is one item of one caller.
type request[Q, R any] struct {
	ctx  context.Context // of the caller
	item Q
	done chan Result[R] // has a buffer of one
}

// A Result is the result of one request. Its Value is a slice of one element within the results of the batch.
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

// cancelled reports whether the caller's context has ended. If so, it completes the request with the context's error.
func (r request[Q, R]) cancelled() bool {
	err := r.ctx.Err()
	if err != nil {
		r.complete(Result[R]{Err: err})
	}
	return err != nil
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

// release undoes [Batcher.acquire]. The goroutine must be fast. The caller holds b.mu.
func (b *Batcher[Q, R]) release() {
	b.inFlight--
	b.fastInFlight--
}

// Do sends one item, and returns its result as a slice of length one. If ctx ends first, Do returns the error of ctx
// within 50 ms. The item may or may not have been sent then. The exception is an inline call (AllowInline), which a
// cancellation does not end.
func (b *Batcher[Q, R]) Do(ctx context.Context, item Q) ([]R, error) {
	r, start := b.enqueue(ctx, item)
	if start {
		if deadline, has := ctx.Deadline(); has && b.AllowInline && b.takeIfOnly(r) {
			return b.runInline(ctx, deadline, item)
		}
		go b.runLoop()
	}
	// Do does not select on ctx.Done, because a context may create a timer only if Done is called. Instead, a slow call
	// completes the requests of all callers whose context has ended.
	got := <-r.done
	return got.Value, got.Err
}

// Start sends one item without waiting. The returned channel receives one result. Use it for an item that must be
// sent although its caller may not wait for the result.
func (b *Batcher[Q, R]) Start(ctx context.Context, item Q) <-chan Result[R] {
	r, start := b.enqueue(ctx, item)
	if start {
		go b.runLoop()
	}
	return r.done
}

// enqueue adds a request for the item to the queue. If start is true, the caller must start a goroutine that sends the
// request, or send the request inline.
func (b *Batcher[Q, R]) enqueue(ctx context.Context, item Q) (r request[Q, R], start bool) {
	r = request[Q, R]{ctx, item, make(chan Result[R], 1)}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = append(b.queue, r)
	return r, b.acquire()
}

// takeIfOnly yields once, so that goroutines that are ready to run can add requests. If the caller's request r is
// still the only one, takeIfOnly removes it from the queue and returns true. The only request may be another one,
// because a slow call removes r from the queue when the context of r has ended.
func (b *Batcher[Q, R]) takeIfOnly(r request[Q, R]) bool {
	runtime.Gosched()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) != 1 || b.queue[0].done != r.done {
		return false
	}
	b.queue = nil
	return true
}

// runInline sends one request in the goroutine of its caller. The caller's deadline bounds the call, but a cancellation
// of ctx does not end the call, because that would close the database connection.
func (b *Batcher[Q, R]) runInline(ctx context.Context, deadline time.Time, item Q) ([]R, error) {
	defer b.finishInline()
	defer b.watchSlow(nil).finish()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(time.Until(deadline), b.CallTimeout))
	defer cancel()
	return b.Call(ctx, []Q{item})
}

// finishInline releases the caller of an inline call. If requests are queued, a new goroutine replaces the caller.
func (b *Batcher[Q, R]) finishInline() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) > 0 {
		go b.runLoop()
		return
	}
	b.release()
}

// runLoop sends batches until no request is queued. Before each batch it yields once, because goroutines that
// are ready to run may add requests.
func (b *Batcher[Q, R]) runLoop() {
	runtime.Gosched()
	for batch := b.takeBatch(); batch != nil; batch = b.takeBatch() {
		c := b.watchSlow(batch)
		b.send(batch)
		c.finish()
		runtime.Gosched()
	}
}

// takeBatch removes the next batch from the queue. It returns nil, and releases the goroutine, if no request is queued.
// It does the same if another goroutine is fast too, because the other goroutine takes the queued requests.
func (b *Batcher[Q, R]) takeBatch() []request[Q, R] {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.queue), b.MaxBatch)
	if n == 0 {
		b.queue = nil // frees the array, which may be large after a load peak
	}
	if n == 0 || b.fastInFlight > 1 {
		b.release()
		return nil
	}
	batch := b.queue[:n:n]
	b.queue = b.queue[n:]
	return batch
}

// send sends a batch in one call and completes its requests. It leaves out the requests whose context has ended. If the
// call fails, its outcome is not known. If b.RetryIndividually is set, send then repeats each request in a call of its
// own, unless the context of that request has ended by then.
func (b *Batcher[Q, R]) send(batch []request[Q, R]) {
	live := make([]request[Q, R], 0, len(batch))
	items := make([]Q, 0, len(batch))
	for _, r := range batch {
		if !r.cancelled() {
			live, items = append(live, r), append(items, r.item)
		}
	}
	if len(live) == 0 {
		return
	}
	values, err := b.callOnce(live[0].ctx, items)
	for i, r := range live {
		switch {
		case err == nil:
			r.complete(Result[R]{Value: values[i : i+1 : i+1]})
		case r.cancelled():
		case b.RetryIndividually && len(live) > 1:
			value, err := b.callOnce(r.ctx, items[i:i+1])
			r.complete(Result[R]{value, err})
		default:
			r.complete(Result[R]{Err: err})
		}
	}
}

// callOnce makes one call. The timeout ends the call, but the end of a caller's context does not.
func (b *Batcher[Q, R]) callOnce(ctx context.Context, items []Q) ([]R, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.CallTimeout)
	defer cancel()
	return b.Call(ctx, items)
}

// A call becomes slow after slowAfter. Before that, no other call starts, because one call at a time gives the largest
// batches. When the call becomes slow, another call may start. At that time, and every cancelPoll after it, the
// requests whose context has ended are completed with the error of that context.
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
		b.fastInFlight--
		if len(b.queue) > 0 && b.acquire() {
			go b.runLoop()
		}
	}
	for _, r := range c.batch {
		r.cancelled()
	}
	b.queue = slices.DeleteFunc(b.queue, request[Q, R].cancelled)
	c.timer.Reset(cancelPoll)
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
