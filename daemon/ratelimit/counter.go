package ratelimit

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// A counter batches counts for a [SharedCounter] while a statement is running. So at most one
// statement runs at a time, however many clients guess keys.
type counter struct {
	shared SharedCounter
	name   string // name of this daemon in its heartbeats
	apply  func(block netip.Prefix, total int, left time.Duration)

	mu       sync.Mutex
	daemons  int    // number of daemons at the last heartbeat; 0: unknown
	next     *batch // the batch that collects counts
	flushing bool   // a statement is running; the next batch follows it
}

// A batch has the counts that one statement adds.
type batch struct {
	counts map[netip.Prefix]int
	done   chan struct{} // closed when totals and err are set
	totals map[netip.Prefix]blockTotal
	err    error
}

// A blockTotal is the total that all daemons have counted for an address block, this batch included.
type blockTotal struct {
	total int
	left  time.Duration // time left in the window
}

func newCounter(shared SharedCounter, apply func(block netip.Prefix, total int, left time.Duration)) *counter {
	return &counter{shared: shared, name: rand.Text(), apply: apply, next: newBatch()}
}

func newBatch() *batch {
	return &batch{counts: map[netip.Prefix]int{}, done: make(chan struct{}), totals: map[netip.Prefix]blockTotal{}}
}

const (
	waitTimeout  = 250 * time.Millisecond // how long a call waits for the counts of other daemons
	flushTimeout = 2 * time.Second        // timeout of a heartbeat and of a batch; later counts wait for the next batch
)

// errSlow says that the counts of the other daemons did not arrive in time.
var errSlow = errors.New("counting unknown keys takes too long")

// count counts an unknown key of a block. It returns the key's position among all unknown keys of
// the window, and the time left in the window. It waits up to [waitTimeout]; after that, or when ctx
// ends, it returns an error.
func (c *counter) count(ctx context.Context, block netip.Prefix) (position int, left time.Duration, err error) {
	b, n := c.enqueue(ctx, block)
	timeout := time.NewTimer(waitTimeout)
	defer timeout.Stop()
	select {
	case <-b.done:
	case <-timeout.C:
		err = errSlow
	case <-ctx.Done():
		err = ctx.Err()
	}
	select {
	case <-b.done: // the result may arrive at the last moment
	default:
		return 0, 0, err
	}
	all := b.totals[block]
	return all.total - b.counts[block] + n, all.left, b.err
}

// enqueue adds an unknown key to the next batch. It returns the batch and the number of keys of this
// block in it so far. The end of ctx does not cancel the batch, because other callers share it.
func (c *counter) enqueue(ctx context.Context, block netip.Prefix) (b *batch, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next.counts[block]++
	if !c.flushing {
		c.flushing = true
		go c.flushLoop(context.WithoutCancel(ctx))
	}
	return c.next, c.next.counts[block]
}

// flushLoop flushes batches until no counts are left.
func (c *counter) flushLoop(ctx context.Context) {
	for b := c.takeBatch(); b != nil; b = c.takeBatch() {
		c.flush(ctx, b)
	}
}

func (c *counter) takeBatch() *batch {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flushing = len(c.next.counts) > 0
	if !c.flushing {
		return nil
	}
	b := c.next
	c.next = newBatch()
	return b
}

func (c *counter) flush(ctx context.Context, b *batch) {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	defer close(b.done)
	b.err = c.shared.CountUnknownKeys(ctx, b.counts, func(block netip.Prefix, total int, left time.Duration) {
		b.totals[block] = blockTotal{total, left}
		c.apply(block, total, left)
	})
}
