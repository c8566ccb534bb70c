package webhooks

import (
	"context"
	"errors"
	"net"
	"net/http"
)

// What a call through a proxy can be refused for.
var (
	errProxy = errors.New("HTTP_PROXY or HTTPS_PROXY holds no URL of a proxy")
	errName  = errors.New("cannot check the address, because the name does not resolve here: --webhook-private leaves that to the proxy")
)

// A proxied transport sends a request through the proxy that the environment names for it, or directly if it
// names none. The address that is dialled is the proxy's own then. So the endpoint's name is resolved and
// checked here before the request is sent.
type proxied struct {
	direct, through http.RoundTripper
	private         bool // addresses that are not public are allowed
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
			_ = r.Body.Close() // it was not read
		}
		return nil, err
	}
	return p.through.RoundTrip(r)
}

// checkPublic refuses a host that has an address which is not public.
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
