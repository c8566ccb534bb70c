package daemon

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// A fleet gathers counts while one is under way, so that there are never more statements than one at a
// time, however many strangers guess.
type fleet struct {
	register Register
	name     string // of this daemon, in the register
	hear     func(block netip.Prefix, unknown int, left time.Duration)

	mu      sync.Mutex
	daemons int     // when they were counted last; 0: never
	next    *flight // that gathers
	flying  bool    // one is under way, and takes off again with the next
}

// A flight is what one statement counts.
type flight struct {
	unknown map[netip.Prefix]int
	landed  chan struct{} // closed once what follows is known
	counted map[netip.Prefix]counted
	err     error
}

// counted is what all daemons have counted of a block, this flight being the last.
type counted struct {
	unknown int
	left    time.Duration // of its minute
}

func newFlight() *flight {
	return &flight{unknown: map[netip.Prefix]int{}, landed: make(chan struct{}), counted: map[netip.Prefix]counted{}}
}

// errSlow says that the others' counts did not come in time.
var errSlow = errors.New("counting unknown keys takes too long")

// count counts an unknown key of a block, and gives its place among all of the minute.
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
	case <-mine.landed: // also if it was at the last moment
	default:
		return 0, 0, err
	}
	all := mine.counted[b]
	return all.unknown - mine.unknown[b] + n, all.left, mine.err
}

// board joins the flight that gathers, as the n-th of the block. The end of the context does not cut a
// flight, because others are on it.
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

// fly counts until nobody waits.
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
