package daemon

import (
	"context"
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Strangers counts, per client address and minute, the calls that named a key that does not exist.
// An address past the limit is refused until its minute is over. It is safe for concurrent use and
// remembers a bounded number of addresses: the least recently seen are forgotten.
//
// It counts for its own process, or, once it has joined a [Register], for all daemons together.
type Strangers struct {
	limit   int
	trusted []netip.Prefix
	now     func() time.Time
	fleet   *fleet // nil: this process counts alone

	mu      sync.Mutex
	minutes *lru.Cache[netip.Prefix, minute]
}

// A minute is an address's own, from the first unknown key it named.
type minute struct {
	ends    time.Time
	unknown int // of all daemons, as far as this one has heard
	own     int // of this daemon
}

// remembered is how many addresses are kept: about 10 MiB of them.
const remembered = 65536

// NewStrangers allows each address so many unknown keys a minute, those of trusted callers without
// limit. The limit must be positive.
func NewStrangers(limit int, trusted []netip.Prefix, now func() time.Time) (*Strangers, error) {
	minutes, err := lru.New[netip.Prefix, minute](remembered)
	return &Strangers{limit: limit, trusted: trusted, now: now, minutes: minutes}, err
}

// Refuse says how long calls from the address are still refused; 0: they are not.
func (s *Strangers) Refuse(a netip.Addr) time.Duration {
	if s == NoUnknownKeyLimit || within(a, s.trusted) {
		return 0 // a neighbour in its block may have been counted
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, found := s.minutes.Get(block(a))
	if !found || m.unknown < s.limit {
		return 0
	}
	return max(m.ends.Sub(s.now()), 0)
}

// Count notes that a call from the address named an unknown key. If that was past the limit, it says
// how long the address is refused, else 0: of calls made at once more can have passed [Strangers.Refuse]
// than the limit. With a [Register] it waits a moment for the other daemons' counts, and if they do not come
// it allows an equal share of the limit. In the minute in which that begins all daemons together may
// allow almost twice the limit.
func (s *Strangers) Count(ctx context.Context, a netip.Addr) (refused time.Duration) {
	if s == NoUnknownKeyLimit || within(a, s.trusted) {
		return 0
	}
	b := block(a)
	m, left := s.note(b)
	switch {
	case m.unknown > s.limit: // whatever the others have counted
		return left
	case s.fleet == nil:
		return 0
	}
	place, rest, err := s.fleet.count(ctx, b)
	switch {
	case err == nil && place > s.limit:
		return rest
	case err != nil && m.own > s.fleet.share(s.limit):
		if ctx.Err() == nil { // or it says nothing of the register
			s.hear(b, s.limit, left) // so that it is refused at once from now on
		}
		return left
	}
	return 0
}

// note counts here, and says how much is left of the minute.
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

// hear takes over what all daemons have counted.
func (s *Strangers) hear(b netip.Prefix, unknown int, left time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, _ := s.minutes.Get(b)
	m.ends, m.unknown = s.now().Add(left), unknown
	s.minutes.Add(b, m)
}

// block is what counts as one address: an IPv4 address, or the /64 that an IPv6 subscriber has.
func block(a netip.Addr) netip.Prefix {
	bits := 64
	if a = a.Unmap().WithZone(""); a.Is4() {
		bits = 32
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // an unknown address: all such are one
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
