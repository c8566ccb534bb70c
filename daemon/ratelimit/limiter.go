// Package ratelimit limits how many wrong keys or tokens clients may try.
//
// A [Limiter] counts wrong attempts in windows of one minute, for each block of addresses that contains the client. The
// limit of a block is a multiple of the limit that is passed to [New]:
//
//	block          limit
//	IPv4 address   1 ×
//	IPv6 /64       1 ×
//	IPv6 /56       4 ×
//	IPv6 /48       16 ×
//	all clients    100 ×, at most 16,384 (or 1 ×, if that is more)
//
// If a block is over its limit, its clients are blocked until the window of that block ends.
//
//	request ─▶ Blocked ─▶ look up the key ─▶ not found: Record
//	              │                                       │
//	              ▼ over the limit                        ▼ over the limit
//	             429                                     429
//
// A Limiter counts in its own process. With a [SharedCounter], such as a store, all daemons count together:
//
//	Record ─┐                          ┌─▶ totals of all daemons
//	Record ─┼─▶ batch ─▶ one statement ─┼─▶ totals of all daemons
//	Record ─┘                          └─▶ totals of all daemons
//
// If the shared counter is slow or fails, each daemon allows an equal share of the limits. Each daemon sends heartbeats
// to the shared counter, and learns from the answers how many daemons are running.
package ratelimit

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math"
	"net/netip"
	"sync"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/internal/clock"
)

// A Limiter limits how many unknown keys clients may try per minute.
//
// It counts the keys that were tried in its own process or, after [Limiter.UseShared], in all daemons together. The
// zero Limiter has no limit. A Limiter is safe for concurrent use.
type Limiter struct {
	limit   int // unknown keys per minute and address; 0: no limit
	trusted []netip.Prefix
	now     func() time.Time
	shared  *counter // nil: the limiter counts in this process only

	mu      sync.Mutex
	windows map[netip.Prefix]window // no window is removed before it ends
	swept   time.Time               // when ended windows were last removed
}

// A window counts the unknown keys of a block for one minute. It starts with the first unknown key.
type window struct {
	ends  time.Time
	total int // unknown keys in all daemons, as far as this daemon knows
	local int // unknown keys in this daemon
}

// maxAll is the maximum of the limit of all clients together. It also bounds the memory of a Limiter to about 10 MiB.
// One unknown key adds at most three windows, besides the window of all clients.
const maxAll = 16384

// New returns a limiter that allows each address the given number of unknown keys per minute. Trusted addresses have no
// limit, and their unknown keys are not counted. The number limit must be positive and fit into 32 bits.
func New(limit int, trusted []netip.Prefix, now func() time.Time) (*Limiter, error) {
	if limit < 1 || limit > math.MaxInt32 {
		return nil, errors.New("ratelimit: the limit must be positive, and fit into 32 bits")
	}
	return &Limiter{limit: limit, trusted: trusted, now: now, windows: map[netip.Prefix]window{}}, nil
}

// UseShared makes l count unknown keys in the shared counter c, together with other daemons. Call it before any other
// method of l.
func (l *Limiter) UseShared(c SharedCounter) {
	l.shared = newCounter(c, l.applyShared)
}

// SendHeartbeats sends heartbeats to the shared counter until ctx ends. Each answer has the number of running daemons.
// Without a shared counter SendHeartbeats returns immediately.
func (l *Limiter) SendHeartbeats(ctx context.Context, log *slog.Logger) {
	if l.shared == nil {
		return
	}
	var repeated loglimit.Limiter
	const message = "cannot count unknown keys with the other daemons, the limit is stricter meanwhile"
	for ctx.Err() == nil {
		if err := l.shared.heartbeat(ctx); err == nil || ctx.Err() == nil {
			repeated.LogState(ctx, log, loglimit.Event{Level: slog.LevelWarn, Message: message}, err)
		}
		_ = clock.Sleep(ctx, heartbeatEvery) // an error means that ctx has ended
	}
}

// Blocked returns how long the address is still blocked, or 0 if it is not blocked.
func (l *Limiter) Blocked(a netip.Addr) time.Duration {
	if l.unlimited(a) {
		return 0
	}
	blocks, limits := l.blocks(a)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.blocked(blocks, limits)
}

// unlimited reports whether an address has no limit. Callers check this before they check the blocks of the address,
// because a trusted address may share a block with a blocked address.
func (l *Limiter) unlimited(a netip.Addr) bool { return l.limit == 0 || containsAddr(l.trusted, a) }

// allFactor is the limit of all clients together, as a multiple of the limit of one address.
const allFactor = 100

// allClients is the block of all clients together.
var allClients = netip.MustParsePrefix("::/0")

// blocks returns the blocks that contain an address, the smallest first, and their limits. The larger IPv6 blocks count
// too, because one client can own a whole /56 or /48 and use any /64 in it.
func (l *Limiter) blocks(a netip.Addr) (blocks []netip.Prefix, limits []int) {
	blocks, limits = []netip.Prefix{AddressBlock(a)}, []int{l.limit}
	if a = a.Unmap().WithZone(""); a.Is6() {
		for _, network := range []struct{ bits, factor int }{{56, 4}, {48, 16}} {
			block, _ := a.Prefix(network.bits) // an IPv6 address has such a prefix
			blocks, limits = append(blocks, block), append(limits, network.factor*l.limit)
		}
	}
	return append(blocks, allClients), append(limits, max(l.limit, min(l.limit*allFactor, maxAll)))
}

// blocked returns how long at least one of the blocks is still over its limit, or 0. The caller holds mu.
func (l *Limiter) blocked(blocks []netip.Prefix, limits []int) (wait time.Duration) {
	now := l.now()
	for i, block := range blocks {
		if w, found := l.windows[block]; found && w.total >= limits[i] {
			wait = max(wait, w.ends.Sub(now))
		}
	}
	return wait
}

// Record counts one unknown key of the address. If the key exceeds a limit, Record returns how long the address is
// blocked, otherwise 0. Concurrent calls may all have passed [Limiter.Blocked], so Record checks the limits again. It
// does not count keys of a blocked address, because one address could otherwise use up the limits of larger blocks.
//
// With a [SharedCounter], Record waits up to 250 ms for the counts of all daemons. Without these counts, this daemon
// allows an equal share of the limits. When the shared counter begins to fail, all daemons together may allow almost
// twice the limits for a minute.
func (l *Limiter) Record(ctx context.Context, a netip.Addr) (blocked time.Duration) {
	if l.unlimited(a) {
		return 0
	}
	blocks, limits := l.blocks(a)
	windows, blocked := l.recordLocal(blocks, limits)
	if blocked > 0 || l.shared == nil {
		return blocked
	}
	positions, err := l.shared.count(ctx, blocks)
	for i, limit := range limits {
		switch w := windows[i]; {
		case err == nil && positions[i].n > limit:
			blocked = max(blocked, positions[i].left)
		case err != nil && w.local > limit/l.limit*l.shared.localShare(l.limit):
			left := w.ends.Sub(l.now())
			if ctx.Err() == nil { // otherwise the error is that of ctx, and not of the shared counter
				l.applyShared(blocks[i], limit, left) // so that [Limiter.Blocked] also blocks the address for this time
			}
			blocked = max(blocked, left)
		}
	}
	return blocked
}

// recordLocal counts an unknown key in this process and returns the windows of the blocks. If a block is already over
// its limit, it counts nothing and returns how long the block stays over its limit.
func (l *Limiter) recordLocal(blocks []netip.Prefix, limits []int) (windows []window, blocked time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if wait := l.blocked(blocks, limits); wait > 0 {
		return nil, wait
	}
	l.removeEnded()
	now := l.now()
	for _, block := range blocks {
		w := l.windows[block]
		if !now.Before(w.ends) {
			w = window{ends: now.Add(time.Minute)}
		}
		w.total++
		w.local++
		l.windows[block] = w
		windows = append(windows, w)
	}
	return windows, 0
}

// removeEnded removes the windows that have ended. It does so at most once a minute. The caller holds mu.
func (l *Limiter) removeEnded() {
	now := l.now()
	if now.Sub(l.swept) < time.Minute {
		return
	}
	l.swept = now
	maps.DeleteFunc(l.windows, func(_ netip.Prefix, w window) bool { return !now.Before(w.ends) })
}

// applyShared sets the total of a block's window, and the time left in that window, to those of the shared counter.
func (l *Limiter) applyShared(block netip.Prefix, total int, left time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.windows[block]
	w.ends, w.total = l.now().Add(left), total
	l.windows[block] = w
}
