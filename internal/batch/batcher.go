// Package batch makes concurrent callers share calls. A [Batcher] queues their items while a call runs, and sends
// all queued items in the next one.
package batch

import (
	"context"
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
//	        └───────────┴──────────────┘ its context has ended, as a slow call notices
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
// A goroutine starts only while no other one is fast and fewer than MaxInFlight run. The fast goroutine takes the
// queued requests after its call, so no request is forgotten.
type Batcher[Q, R any] struct {
	Call              func(ctx context.Context, items []Q) ([]R, error) // returns one result for each item
	MaxBatch          int                                               // the maximum number of items in one call
	MaxInFlight       int                                               // the maximum number of simultaneous calls
	CallTimeout       time.Duration                                     // the timeout of one call
	RetryIndividually bool                                              // if a batch fails, send each of its items again by itself
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
