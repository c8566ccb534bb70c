package webhooks

import (
	"context"
	"errors"
	"net"
	"net/http"
)

// The errors of calls through a proxy.
var (
	errProxy = errors.New("HTTP_PROXY or HTTPS_PROXY holds no URL of a proxy")
	errName  = errors.New("cannot check the address, because the name does not resolve here: --webhook-private leaves that to the proxy")
)

// A proxied transport sends a request through the proxy that the environment names for it, or directly if
// the environment names no proxy. Through a proxy, the dialed address is the address of the proxy.
// Therefore the transport resolves and checks the endpoint's name itself, before it sends the request.
type proxied struct {
	direct, through http.RoundTripper
	private         bool // allow addresses that are not public
}

// RoundTrip implements [http.RoundTripper].
func (p proxied) RoundTrip(r *http.Request) (*http.Response, error) {
	proxy, err := http.ProxyFromEnvironment(r)
	switch {
	case err != nil:
		err = errProxy // the error of net/http may quote a password
	case proxy == nil:
		return p.direct.RoundTrip(r)
	case !p.private:
		err = checkPublic(r.Context(), r.URL.Hostname())
	}
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // RoundTrip must close the body even if nothing was read
		}
		return nil, err
	}
	return p.through.RoundTrip(r)
}

// checkPublic returns an error if at least one address of the host is not public.
func checkPublic(ctx context.Context, host string) error {
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return errName
	}
	for _, a := range addresses {
		if !IsPublic(a) {
			return ErrPrivate
		}
	}
	return nil
}
