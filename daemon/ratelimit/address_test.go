package ratelimit_test

import (
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/keyseat/keyseat/daemon/ratelimit"
)

func TestClientAddressIsTheLastUntrustedHop(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct{ peer, forwarded, want string }{
		{"192.0.2.1:5", "198.51.100.7", "192.0.2.1"},
		{"10.0.0.1:5", "", "10.0.0.1"},
		{"10.0.0.1:5", "198.51.100.7", "198.51.100.7"},
		{"10.0.0.1:5", "1.1.1.1, 198.51.100.7, 10.9.9.9", "198.51.100.7"},
		{"[::ffff:10.0.0.1]:5", "198.51.100.7:4711", "198.51.100.7"},
		{"[fd00::1]:5", "[2001:db8::1]:99", "2001:db8::1"},
		{"10.0.0.1:5", "evil, 10.0.0.2", "10.0.0.2"},
		{"@", "198.51.100.7", "invalid IP"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.RemoteAddr = c.peer
		r.Header.Set("X-Forwarded-For", c.forwarded)
		if got := ratelimit.ClientAddress(r, proxies).String(); got != c.want {
			t.Errorf("%s, %q: %s, want %s", c.peer, c.forwarded, got, c.want)
		}
	}
}
