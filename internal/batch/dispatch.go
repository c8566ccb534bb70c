package batch

import (
	"context"
	"slices"
	"time"
)

// send sends a batch in one call and completes its requests. It leaves out the requests whose context has ended.
// If the call fails, its outcome is not known. Then send repeats each request by itself if b.RetryIndividually
// is set, unless its context has ended by then.
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

// callOnce makes one call. The timeout bounds the call, but the end of a caller's context does not end it.
func (b *Batcher[Q, R]) callOnce(ctx context.Context, items []Q) ([]R, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.CallTimeout)
	defer cancel()
	return b.Call(ctx, items)
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
