package daemon

import (
	"context"
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Strangers limits clients of unknown keys. It counts, per client address and one-minute window,
// the calls that named a key that does not exist. An address over the limit is refused until its
// window ends. It keeps up to 65,536 addresses and forgets the least recently seen address first.
//
// It counts for its own process or, after [Strangers.Join], for all daemons together. It is safe
// for concurrent use.
type Strangers struct {
	limit   int
	trusted []netip.Prefix
	now     func() time.Time
	fleet   *fleet // nil: counts for this process only

	mu      sync.Mutex
	minutes *lru.Cache[netip.Prefix, minute]
}

// A minute is the one-minute window of an address. It starts with the first unknown key.
type minute struct {
	ends    time.Time
	unknown int // of all daemons, as far as this daemon knows
	own     int // of this daemon
}

// remembered is the maximum number of addresses. They need about 10 MiB.
const remembered = 65536

// NewStrangers returns a limiter that allows each address limit unknown keys per minute. Trusted
// callers have no limit. The limit must be positive.
func NewStrangers(limit int, trusted []netip.Prefix, now func() time.Time) (*Strangers, error) {
	minutes, err := lru.New[netip.Prefix, minute](remembered)
	return &Strangers{limit: limit, trusted: trusted, now: now, minutes: minutes}, err
}

// Refuse returns how long calls from the address are still refused, or 0 if they are not.
func (s *Strangers) Refuse(a netip.Addr) time.Duration {
	if s.limit == 0 || within(a, s.trusted) {
		return 0 // another address of its block may have been counted
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, found := s.minutes.Get(block(a))
	if !found || m.unknown < s.limit {
		return 0
	}
	return max(m.ends.Sub(s.now()), 0)
}

// Count counts one call from the address that named an unknown key. If that exceeds the limit, it
// returns how long the address is refused, otherwise 0. Simultaneous calls may all have passed
// [Strangers.Refuse], so Count checks the limit again.
//
// With a [Register] Count waits up to 250 ms for the counts of the other daemons. If they do not
// arrive, this daemon allows an equal share of the limit. In the minute in which that begins, all
// daemons together may allow almost twice the limit.
func (s *Strangers) Count(ctx context.Context, a netip.Addr) (refused time.Duration) {
	if s.limit == 0 || within(a, s.trusted) {
		return 0
	}
	b := block(a)
	m, left := s.note(b)
	switch {
	case m.unknown > s.limit: // whatever the other daemons have counted
		return left
	case s.fleet == nil:
		return 0
	}
	place, rest, err := s.fleet.count(ctx, b)
	switch {
	case err == nil && place > s.limit:
		return rest
	case err != nil && m.own > s.fleet.share(s.limit):
		if ctx.Err() == nil { // otherwise the error says nothing about the register
			s.hear(b, s.limit, left) // so that further calls are refused immediately
		}
		return left
	}
	return 0
}

// note counts an unknown key locally. It returns the window and the time left in it.
func (s *Strangers) note(b netip.Prefix) (minute, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, _ := s.minutes.Get(b)
	now := s.now()
	if !now.Before(m.ends) {
		m = minute{ends: now.Add(time.Minute)}
	}
	m.unknown++
	m.own++
	s.minutes.Add(b, m)
	return m, m.ends.Sub(now)
}

// hear applies the total that all daemons have counted.
func (s *Strangers) hear(b netip.Prefix, unknown int, left time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, _ := s.minutes.Get(b)
	m.ends, m.unknown = s.now().Add(left), unknown
	s.minutes.Add(b, m)
}

// block returns the prefix that counts as one address: a single IPv4 address, or the /64 of an IPv6
// subscriber.
func block(a netip.Addr) netip.Prefix {
	bits := 64
	if a = a.Unmap().WithZone(""); a.Is4() {
		bits = 32
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // an unknown address: all such addresses count as one
	}
	return p
}

func within(a netip.Addr, prefixes []netip.Prefix) bool {
	a = a.Unmap().WithZone("")
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
