package webhooks

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// ErrPrivate says that an endpoint has an address outside the public Internet.
var ErrPrivate = errors.New("the address is not public: --webhook-private allows it")

// special lists the networks that look public and are not:
//
//   - special-purpose networks
//   - networks whose addresses contain another address
//   - the address at which a cloud provider serves its virtual machines
var special = parsePrefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "168.63.129.16/32",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

// global is the part of IPv6 that is assigned for use on the Internet.
var global = netip.MustParsePrefix("2000::/3")

func parsePrefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// IsPublic reports whether an address belongs to the public Internet.
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

// The timeouts of one call: to connect, and for the whole call.
const (
	dialTime = 5 * time.Second
	callTime = 15 * time.Second
)

// Client returns an HTTP client for calls to endpoints.
//
//   - It uses the proxy that the environment names, unless the policy forbids that.
//   - It connects only to public addresses, unless the policy allows private ones.
//   - It does not follow redirects.
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

// onlyPublic checks the address right before the connection, after the name was resolved. A name that
// resolves to another address later therefore cannot evade the check.
func onlyPublic(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !IsPublic(to.Addr()) {
		return ErrPrivate
	}
	return nil
}
