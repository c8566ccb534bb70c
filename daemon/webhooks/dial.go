package webhooks

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// ErrPrivate says that an endpoint's address is not one of the public Internet.
var ErrPrivate = errors.New("the address is not public: --webhook-private allows it")

// The networks that are not public although they look like it: special ones, those that carry another
// address in theirs, and where a cloud answers its machines.
var special = parsePrefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "168.63.129.16/32",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

// global is all of IPv6 that is given out for use on the Internet.
var global = netip.MustParsePrefix("2000::/3")

func parsePrefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// IsPublic says whether an address is one of the public Internet.
func IsPublic(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Is6() && !global.Contains(a) {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// The bounds of one call.
const (
	dialTime = 5 * time.Second
	callTime = 15 * time.Second
)

// Client makes calls to endpoints: through the proxy that the environment names, unless that is switched off,
// to public addresses alone unless others are allowed, and no further where an answer redirects.
func Client(p Policy) *http.Client {
	dialer := &net.Dialer{Timeout: dialTime}
	if !p.Private {
		dialer.Control = onlyPublic
	}
	var transport http.RoundTripper = newTransport(dialer)
	if !p.NoProxy {
		through := newTransport(&net.Dialer{Timeout: dialTime})
		through.Proxy = http.ProxyFromEnvironment
		transport = proxied{direct: transport, through: through, private: p.Private}
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       callTime,
	}
}

func newTransport(dialer *net.Dialer) *http.Transport {
	return &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTime, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: hands, IdleConnTimeout: time.Minute, DisableCompression: true,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// onlyPublic looks at the address that is about to be connected to, after the name was resolved:
// whatever a name meant before does not matter.
func onlyPublic(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !IsPublic(to.Addr()) {
		return ErrPrivate
	}
	return nil
}
