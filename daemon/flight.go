package daemon

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// A fleet is a counter that all daemons share. It collects counts in a batch while a statement is
// running. So at most one statement runs at a time, however many clients guess keys.
type fleet struct {
	register Register
	name     string // name of this daemon in the register
	hear     func(block netip.Prefix, unknown int, left time.Duration)

	mu      sync.Mutex
	daemons int     // number of daemons at the last heartbeat; 0: unknown
	next    *flight // the batch that collects counts
	flying  bool    // a statement is running; the next batch follows it
}

// A flight is a batch: the counts that one statement adds.
type flight struct {
	unknown map[netip.Prefix]int
	landed  chan struct{} // closed when counted and err are set
	counted map[netip.Prefix]counted
	err     error
}

// counted is the total that all daemons have counted for an address block, this batch included.
type counted struct {
	unknown int
	left    time.Duration // time left in the window
}

func newFlight() *flight {
	return &flight{unknown: map[netip.Prefix]int{}, landed: make(chan struct{}), counted: map[netip.Prefix]counted{}}
}

// errSlow says that the counts of the other daemons did not arrive in time.
var errSlow = errors.New("counting unknown keys takes too long")

// count counts an unknown key of a block. It returns the key's position among all unknown keys of
// the window, and the time left in the window. It waits up to [countWait]; after that, or when ctx
// ends, it returns an error.
func (f *fleet) count(ctx context.Context, b netip.Prefix) (place int, left time.Duration, err error) {
	mine, n := f.board(ctx, b)
	late := time.NewTimer(countWait)
	defer late.Stop()
	select {
	case <-mine.landed:
	case <-late.C:
		err = errSlow
	case <-ctx.Done():
		err = ctx.Err()
	}
	select {
	case <-mine.landed: // the result may arrive at the last moment
	default:
		return 0, 0, err
	}
	all := mine.counted[b]
	return all.unknown - mine.unknown[b] + n, all.left, mine.err
}

// board adds an unknown key to the next batch. It returns the batch and the number of keys of this
// block in it so far. The end of ctx does not cancel the batch, because other callers share it.
func (f *fleet) board(ctx context.Context, b netip.Prefix) (mine *flight, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next.unknown[b]++
	if !f.flying {
		f.flying = true
		go f.fly(context.WithoutCancel(ctx))
	}
	return f.next, f.next.unknown[b]
}

// fly flushes batches until no counts are left.
func (f *fleet) fly(ctx context.Context) {
	for mine := f.take(); mine != nil; mine = f.take() {
		f.land(ctx, mine)
	}
}

func (f *fleet) take() *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flying = len(f.next.unknown) > 0
	if !f.flying {
		return nil
	}
	mine := f.next
	f.next = newFlight()
	return mine
}

func (f *fleet) land(ctx context.Context, mine *flight) {
	ctx, cancel := context.WithTimeout(ctx, flightTime)
	defer cancel()
	defer close(mine.landed)
	mine.err = f.register.CountStrangers(ctx, mine.unknown, func(b netip.Prefix, unknown int, left time.Duration) {
		mine.counted[b] = counted{unknown, left}
		f.hear(b, unknown, left)
	})
}
