package ratelimit

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientAddress returns the address of a request's client. It is the address of the peer, unless the peer is one of the
// trusted proxies. Behind a trusted proxy, it is the last address in X-Forwarded-For that is not a trusted proxy.
// Entries further to the left are ignored, because a client can send such entries itself.
//
// The search goes from right to left. If every entry is a trusted proxy, the leftmost entry is returned. If an entry
// cannot be parsed, the search ends with the address to its right. If the peer is invalid, the result is the zero Addr.
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

// AddressBlock returns the prefix that counts as one address: a single IPv4 address, or the /64 of an IPv6 address. For
// an invalid address it returns the zero Prefix, so all invalid addresses count as one.
func AddressBlock(a netip.Addr) netip.Prefix {
	bits := 64
	if a = a.Unmap().WithZone(""); a.Is4() {
		bits = 32
	}
	p, _ := a.Prefix(bits) // the zero Prefix for an invalid address
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
