package ratelimit

import (
	"net/http"
	"net/netip"
	"slices"
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

// allFactor is how many limits of one address all clients together have.
const allFactor = 100

// allClients is the block of all clients together.
var allClients = netip.MustParsePrefix("::/0")

// blocksOf returns the blocks in which an address counts, and in the same order how many limits of one address each
// block has. An IPv6 client can have a /56 or a /48 to itself, and change its /64 at will.
func blocksOf(a netip.Addr) (blocks []netip.Prefix, factors []int) {
	blocks, factors = []netip.Prefix{AddressBlock(a)}, []int{1}
	if a = a.Unmap().WithZone(""); a.Is6() {
		for _, network := range []struct{ bits, factor int }{{56, 4}, {48, 16}} {
			block, _ := a.Prefix(network.bits) // an IPv6 address has such a prefix
			blocks, factors = append(blocks, block), append(factors, network.factor)
		}
	}
	return append(blocks, allClients), append(factors, allFactor)
}

// FromProxy reports whether the peer of a request is one of the proxies.
func FromProxy(r *http.Request, proxies []netip.Prefix) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && containsAddr(proxies, peer.Addr())
}

// containsAddr reports whether one of the prefixes contains a.
func containsAddr(prefixes []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}
