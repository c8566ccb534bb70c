package httpconnector

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// How often, and after what pauses, is repeated what was not sent: enough for a connection that the
// service has just closed, and for a service that restarts quickly.
const (
	repeats = 2
	pause   = 50 * time.Millisecond
)

// newClient tames go-retryablehttp, which as it comes logs URLs, repeats what may have taken effect,
// obeys any Retry-After, and hides the last answer.
func newClient(transport http.RoundTripper) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient: &http.Client{
			// Wrapped, because the library closes the idle connections of everybody at each failure
			// if it finds the method that does.
			Transport:     struct{ http.RoundTripper }{transport},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RetryMax:     repeats,
		CheckRetry:   unsent,
		Backoff:      func(_, _ time.Duration, n int, _ *http.Response) time.Duration { return pause << n },
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

// unsent says whether to repeat: only what failed without having been sent.
func unsent(ctx context.Context, _ *http.Response, err error) (bool, error) {
	return err != nil && ctx.Err() == nil && !followed(ctx).maybeSent(), nil
}

// manyWorkers is how many connections are kept for the next askings: one for each worker that a daemon
// can have, since to dial takes longer than to ask.
const manyWorkers = 10_000

// newTransport is for one host that is asked by many workers at once.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConnsPerHost:    manyWorkers,
		IdleConnTimeout:        30 * time.Second, // below what servers allow: they should not close first
		MaxResponseHeaderBytes: maxAnswer,
		DisableCompression:     true, // or the bound on an answer would be one on its compressed form
	}
}
