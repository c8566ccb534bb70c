package daemon

import (
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Strangers counts, per client address and minute, the calls that named a key that does not exist.
// An address past the limit is refused until its minute is over. It is safe for concurrent use and
// remembers a bounded number of addresses: the least recently seen are forgotten.
type Strangers struct {
	limit   int
	trusted []netip.Prefix
	now     func() time.Time

	mu      sync.Mutex
	minutes *lru.Cache[netip.Prefix, minute]
}

// A minute is an address's own, from the first unknown key it named.
type minute struct {
	ends    time.Time
	unknown int
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
	if within(a, s.trusted) {
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

// Count notes that a call from the address named an unknown key, and says whether that was within the
// limit: of calls made at once more can have passed [Strangers.Refuse] than that.
func (s *Strangers) Count(a netip.Addr) bool {
	if within(a, s.trusted) {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, _ := s.minutes.Get(block(a))
	if now := s.now(); !now.Before(m.ends) {
		m = minute{ends: now.Add(time.Minute)}
	}
	m.unknown++
	s.minutes.Add(block(a), m)
	return m.unknown <= s.limit
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
