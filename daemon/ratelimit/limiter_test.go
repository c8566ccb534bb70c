package ratelimit_test

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/daemon/ratelimit"
)

// answered returns how many of the guesses of the addresses, one each, a daemon answers.
func answered(t *testing.T, l *ratelimit.Limiter, addresses int, address func(i int) string) (n int) {
	t.Helper()
	for i := range addresses {
		a := netip.MustParseAddr(address(i))
		if l.Blocked(a) == 0 && l.Record(t.Context(), a) == 0 {
			n++
		}
	}
	return n
}

// TestNetworksAreLimited guesses from many addresses of one network, and of all networks. The limits hold for one
// process, and for several with a shared counter.
func TestNetworksAreLimited(t *testing.T) {
	for _, daemons := range []int{0, 1, 3} { // 0: without a shared counter
		for name, c := range map[string]struct {
			address       func(i int) string
			guesses, want int
		}{
			"IPv6 /64":    {func(i int) string { return fmt.Sprintf("2001:db8::%x", i+1) }, 100, 30},
			"IPv6 /56":    {func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i%256) }, 300, 120},
			"IPv6 /48":    {func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i) }, 65536, 480},
			"all of IPv4": {func(i int) string { return fmt.Sprintf("192.0.%d.%d", i>>8, i%256) }, 10000, 3000},
			"all of IPv6": {func(i int) string { return fmt.Sprintf("2001:db8:%x::1", i) }, 10000, 3000},
		} {
			synctest.Test(t, func(t *testing.T) {
				all := newLimiters(t, newDatabase(), max(daemons, 1), 30)
				if daemons == 0 {
					all[0] = newLimiter(t)
				}
				for range 2 {
					guess := 0
					n := answered(t, all[0], c.guesses/len(all), func(int) string { guess++; return c.address(guess - 1) })
					for _, l := range all[1:] {
						n += answered(t, l, c.guesses/len(all), func(int) string { guess++; return c.address(guess - 1) })
					}
					if n != c.want {
						t.Errorf("%s, %d daemons: %d of %d guesses are answered, not %d", name, daemons, n, c.guesses, c.want)
					}
					time.Sleep(2 * time.Minute)
				}
			})
		}
	}
}

func newLimiter(t *testing.T) *ratelimit.Limiter {
	t.Helper()
	l, err := ratelimit.New(30, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestBlockedAddressStaysBlocked blocks an address, and then guesses from as many others as possible. Until its minute
// is over, the address stays blocked.
func TestBlockedAddressStaysBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t)
		answered(t, l, 31, func(int) string { return "2001:db8::1" })
		for range 50 {
			time.Sleep(time.Second)
			answered(t, l, 4000, func(i int) string { return fmt.Sprintf("2001:db8:%x:%x::1", 1+i%60000, i) })
			if l.Blocked(netip.MustParseAddr("2001:db8::2")) == 0 {
				t.Fatal("a block was forgotten")
			}
		}
		time.Sleep(time.Minute)
		if l.Blocked(netip.MustParseAddr("2001:db8::2")) != 0 {
			t.Error("an address is blocked for more than a minute")
		}
	})
}

// TestBlockedAddressUsesUpNoOtherLimit checks that an address over its limit cannot use up the limits of its network
// and of all clients, also not with simultaneous guesses.
func TestBlockedAddressUsesUpNoOtherLimit(t *testing.T) {
	l := newLimiter(t)
	for range 10000 {
		l.Record(t.Context(), netip.MustParseAddr("2001:db8::1"))
	}
	for _, other := range []string{"2001:db8:0:1::1", "192.0.2.1"} {
		if l.Blocked(netip.MustParseAddr(other)) != 0 {
			t.Errorf("%s is blocked", other)
		}
	}
}
