// Package ratelimit limits how many wrong keys or tokens clients may try.
//
// A [Limiter] counts wrong attempts in windows of one minute. A wrong attempt counts for each block of addresses that
// contains the client:
//
//	block          limit
//	IPv4 address   1 ×
//	IPv6 /64       1 ×
//	IPv6 /56       4 ×
//	IPv6 /48       16 ×
//	all clients    100 ×, at most 16,384 (or 1 ×, if that is more)
//
// If one of the blocks is over its limit, the client is blocked until the window of that block ends.
//
//	request ─▶ Blocked ─▶ look up the key ─▶ not found: Record
//	              │                                       │
//	              ▼ over the limit                        ▼ over the limit
//	             429                                     429
//
// A Limiter counts for its own process. With a [SharedCounter], which a store implements, all daemons
// of a database count together:
//
//	Record ─┐                          ┌─▶ totals of all daemons
//	Record ─┼─▶ batch ─▶ one statement ─┼─▶ totals of all daemons
//	Record ─┘                          └─▶ totals of all daemons
//
// If the shared counter is slow or fails, each daemon allows its share of the limits. From
// heartbeats each daemon knows how many daemons there are.
package ratelimit

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/internal/clock"
)

// A Limiter limits how many unknown keys clients may try per minute.
//
// It counts for its own process or, after [Limiter.UseShared], for all daemons together. The zero
// Limiter has no limit. A Limiter is safe for concurrent use.
type Limiter struct {
	limit   int // of one address; 0: no limit
	trusted []netip.Prefix
	now     func() time.Time
	shared  *counter // nil: counts for this process only

	mu      sync.Mutex
	windows map[netip.Prefix]window // no window is removed before it ends
	swept   time.Time               // when ended windows were last removed
}

// A window is the one-minute window of a block. It starts with the first unknown key.
type window struct {
	ends  time.Time
	total int // of all daemons, as far as this daemon knows
	local int // of this daemon
}

// maxAll is the maximum of the limit of all clients together. It also bounds the memory of a Limiter to about 10 MiB,
// because each unknown key adds up to three windows.
const maxAll = 16384

// New returns a limiter that allows each address limit unknown keys per minute. Trusted addresses
// have no limit, and do not count. The limit must be positive and fit into 32 bits.
func New(limit int, trusted []netip.Prefix, now func() time.Time) (*Limiter, error) {
	if limit < 1 || limit > math.MaxInt32 {
		return nil, errors.New("ratelimit: the limit must be positive, and fit into 32 bits")
	}
	return &Limiter{limit: limit, trusted: trusted, now: now, windows: map[netip.Prefix]window{}}, nil
}

// UseShared makes l count unknown keys in a shared counter too. Call it before the first use of l.
func (l *Limiter) UseShared(c SharedCounter) {
	l.shared = newCounter(c, l.applyShared)
}

// SendHeartbeats sends heartbeats to the shared counter until ctx ends. From them each daemon knows
// how many daemons there are. Without a shared counter SendHeartbeats returns immediately.
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

// unlimited reports whether an address has no limit. It is checked before the address's block, because
// a trusted address may share its block with a blocked address.
func (l *Limiter) unlimited(a netip.Addr) bool { return l.limit == 0 || containsAddr(l.trusted, a) }

// allFactor is the limit of all clients together, in limits of one address.
const allFactor = 100

// allClients is the block of all clients together.
var allClients = netip.MustParsePrefix("::/0")

// blocks returns the blocks in which an address counts, the smallest first, and their limits. An IPv6 client can have a
// /56 or a /48 to itself, and change its /64 at will.
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

// blocked returns the longest time for which one of the blocks is over its limit. The caller holds the lock.
func (l *Limiter) blocked(blocks []netip.Prefix, limits []int) (wait time.Duration) {
	now := l.now()
	for i, block := range blocks {
		if w, found := l.windows[block]; found && w.total >= limits[i] {
			wait = max(wait, w.ends.Sub(now))
		}
	}
	return wait
}

// Record counts one unknown key of the address. If that exceeds a limit, it returns how long the address is blocked,
// otherwise 0. Concurrent calls may all have passed [Limiter.Blocked], so Record checks the limits again. An unknown
// key of a blocked address does not count, because one address could otherwise use up the limits of the larger blocks.
//
// With a [SharedCounter], Record waits up to 250 ms for the counts of the other daemons. If they do
// not arrive, this daemon allows an equal share of the limits. In the minute in which that begins,
// all daemons together may allow almost twice the limits.
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
			if ctx.Err() == nil { // otherwise the error says nothing about the shared counter
				l.applyShared(blocks[i], limit, left) // so that Blocked blocks further calls
			}
			blocked = max(blocked, left)
		}
	}
	return blocked
}

// recordLocal counts an unknown key in this process, unless one of the blocks is over its limit. It returns the
// windows of the blocks.
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

// removeEnded removes the windows that have ended, at most once a minute. The caller holds the lock.
func (l *Limiter) removeEnded() {
	now := l.now()
	if now.Sub(l.swept) < time.Minute {
		return
	}
	l.swept = now
	maps.DeleteFunc(l.windows, func(_ netip.Prefix, w window) bool { return !now.Before(w.ends) })
}

// applyShared sets the total that all daemons have counted.
func (l *Limiter) applyShared(block netip.Prefix, total int, left time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.windows[block]
	w.ends, w.total = l.now().Add(left), total
	l.windows[block] = w
}

// ClientAddress returns the address of a request's client. That is the peer, unless the peer is a
// trusted proxy. Then it is the last address in X-Forwarded-For that is not a trusted proxy.
// Entries further to the left are ignored, because the client can write anything there.
//
// If every entry is a trusted proxy, the first entry is returned. At an entry that cannot be parsed, the search stops
// at the address before it. If the peer cannot be parsed, the result is the zero Addr.
func ClientAddress(r *http.Request, proxies []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	client := peer.Addr()
	if !containsAddr(proxies, client) {
		return client
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && containsAddr(proxies, client); i-- {
		hop, err := parseHop(hops[i])
		if err != nil {
			break
		}
		client = hop
	}
	return client
}

// parseHop parses an address as proxies write it: with or without a port, in brackets or not.
func parseHop(s string) (netip.Addr, error) {
	s = strings.TrimSpace(s)
	if with, err := netip.ParseAddrPort(s); err == nil {
		return with.Addr(), nil
	}
	return netip.ParseAddr(strings.Trim(s, "[]"))
}

// AddressBlock returns the prefix that counts as one address: a single IPv4 address, or the /64 of
// an IPv6 subscriber. All addresses that are not valid count as one, the zero Prefix.
func AddressBlock(a netip.Addr) netip.Prefix {
	bits := 64
	if a = a.Unmap().WithZone(""); a.Is4() {
		bits = 32
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// FromProxy reports whether the peer of a request is one of the proxies.
func FromProxy(r *http.Request, proxies []netip.Prefix) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && containsAddr(proxies, peer.Addr())
}

func containsAddr(prefixes []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}
