package daemon

import (
	"net/http"
	"net/netip"
	"strings"
)

// ClientAddress tells a request's client: the peer, or where that is a trusted proxy the nearest
// address in X-Forwarded-For that is none. What stands before that anyone can have written.
func ClientAddress(r *http.Request, proxies []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	client := peer.Addr()
	if !within(client, proxies) {
		return client
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && within(client, proxies); i-- {
		hop, err := parseHop(hops[i])
		if err != nil {
			break
		}
		client = hop
	}
	return client
}

// parseHop reads an address as proxies write it, some with a port.
func parseHop(s string) (netip.Addr, error) {
	s = strings.TrimSpace(s)
	if with, err := netip.ParseAddrPort(s); err == nil {
		return with.Addr(), nil
	}
	return netip.ParseAddr(strings.Trim(s, "[]"))
}
