// Package ratelimit limits how many wrong keys or tokens a client may try.
//
// A [Limiter] counts them per client address in windows of one minute. An address over the limit is
// blocked until its window ends. An IPv6 client counts with its whole /64 network.
//
//	request ─▶ Blocked ─▶ look up the key ─▶ not found: Record
//	              │                                       │
//	              ▼ over the limit                        ▼ over the limit
//	             429                                     429
//
// A Limiter counts for its own process. With a [SharedCounter], which a store implements, all daemons
// of a database count together:
//
//	Record ─┐                          ┌─▶ total of all daemons
//	Record ─┼─▶ batch ─▶ one statement ─┼─▶ total of all daemons
//	Record ─┘                          └─▶ total of all daemons
//
// If the shared counter is slow or fails, each daemon allows its share of the limit. From
// heartbeats each daemon knows how many daemons there are.
package ratelimit

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// A Limiter limits how many unknown keys each client address may try per minute. It keeps up to
// 65,536 addresses, and forgets the least recently seen address first.
//
// It counts for its own process or, after [Limiter.UseShared], for all daemons together. The zero
// Limiter has no limit. A Limiter is safe for concurrent use.
type Limiter struct {
	limit   int // 0: no limit
	trusted []netip.Prefix
	now     func() time.Time
	shared  *counter // nil: counts for this process only

	mu      sync.Mutex
	windows *lru.Cache[netip.Prefix, window]
}

// A window is the one-minute window of an address. It starts with the first unknown key.
type window struct {
	ends  time.Time
	total int // of all daemons, as far as this daemon knows
	local int // of this daemon
}

// maxAddresses is the maximum number of addresses. They need about 10 MiB.
const maxAddresses = 65536

// New returns a limiter that allows each address limit unknown keys per minute. Trusted addresses
// have no limit. The limit must be positive.
func New(limit int, trusted []netip.Prefix, now func() time.Time) (*Limiter, error) {
	windows, err := lru.New[netip.Prefix, window](maxAddresses)
	return &Limiter{limit: limit, trusted: trusted, now: now, windows: windows}, err
}

// UseShared makes l count unknown keys in a shared counter too. Call it before the first use of l.
func (l *Limiter) UseShared(c SharedCounter) {
	l.shared = newCounter(c, l.applyShared)
}

// SendHeartbeats sends heartbeats to the shared counter until ctx ends. From them each daemon knows
// how many daemons there are. Without a shared counter SendHeartbeats returns immediately.
func (l *Limiter) SendHeartbeats(ctx context.Context, log *slog.Logger) {
	if l.shared != nil {
		l.shared.sendHeartbeats(ctx, log)
	}
}

// Blocked returns how long the address is still blocked, or 0 if it is not blocked.
func (l *Limiter) Blocked(a netip.Addr) time.Duration {
	if l.unlimited(a) {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	w, found := l.windows.Get(AddressBlock(a))
	if !found || w.total < l.limit {
		return 0
	}
	return max(w.ends.Sub(l.now()), 0)
}

// unlimited reports whether an address has no limit. It is checked before the address's block, because
// a trusted address may share its block with a blocked address.
func (l *Limiter) unlimited(a netip.Addr) bool { return l.limit == 0 || containsAddr(l.trusted, a) }

// Record counts one unknown key of the address. If that exceeds the limit, it returns how long the
// address is blocked, otherwise 0. Concurrent calls may all have passed [Limiter.Blocked], so Record
// checks the limit again.
//
// With a [SharedCounter], Record waits up to 250 ms for the counts of the other daemons. If they do
// not arrive, this daemon allows an equal share of the limit. In the minute in which that begins,
// all daemons together may allow almost twice the limit.
func (l *Limiter) Record(ctx context.Context, a netip.Addr) (blocked time.Duration) {
	if l.unlimited(a) {
		return 0
	}
	block := AddressBlock(a)
	w, left := l.recordLocal(block)
	switch {
	case w.total > l.limit: // whatever the other daemons have counted
		return left
	case l.shared == nil:
		return 0
	}
	p, err := l.shared.count(ctx, block)
	switch {
	case err == nil && p.n > l.limit:
		return p.left
	case err != nil && w.local > l.shared.localShare(l.limit):
		if ctx.Err() == nil { // otherwise the error says nothing about the shared counter
			l.applyShared(block, l.limit, left) // so that Blocked blocks further calls
		}
		return left
	}
	return 0
}

// recordLocal counts an unknown key in this process. It returns the window and the time left in it.
func (l *Limiter) recordLocal(block netip.Prefix) (window, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, _ := l.windows.Get(block)
	now := l.now()
	if !now.Before(w.ends) {
		w = window{ends: now.Add(time.Minute)}
	}
	w.total++
	w.local++
	l.windows.Add(block, w)
	return w, w.ends.Sub(now)
}

// applyShared sets the total that all daemons have counted.
func (l *Limiter) applyShared(block netip.Prefix, total int, left time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, _ := l.windows.Get(block)
	w.ends, w.total = l.now().Add(left), total
	l.windows.Add(block, w)
}
