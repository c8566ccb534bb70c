package batch

import (
	"context"
	"runtime"
)

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
// It does the same if another goroutine is fast too, because that one takes the requests.
func (b *Batcher[Q, R]) takeBatch() []request[Q, R] {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.queue), b.MaxBatch)
	if n == 0 {
		b.queue = nil // frees the array, which a load peak has made large
	}
	if n == 0 || b.fastInFlight > 1 {
		b.release()
		return nil
	}
	batch := b.queue[:n:n]
	b.queue = b.queue[n:]
	return batch
}

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
