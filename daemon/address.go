package daemon

import (
	"net/http"
	"net/netip"
	"strings"
)

// ClientAddress returns the address of a request's client. That is the peer, unless the peer is a
// trusted proxy. Then it is the last address in X-Forwarded-For that is not a trusted proxy.
// Entries further to the left are ignored, because the client can write anything there.
//
// If every entry is a trusted proxy, the first entry is returned. At an entry that cannot be
// parsed, the search stops at the address before it. If the peer cannot be parsed, the result is
// the zero Addr.
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

// parseHop parses an address as proxies write it: with or without a port, in brackets or not.
func parseHop(s string) (netip.Addr, error) {
	s = strings.TrimSpace(s)
	if with, err := netip.ParseAddrPort(s); err == nil {
		return with.Addr(), nil
	}
	return netip.ParseAddr(strings.Trim(s, "[]"))
}
