package httpconnector

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/keyseat/keyseat/internal/httputil"
)

// A request that was not sent is repeated up to repeats times, after pause and then 2*pause. This is enough
// for a connection that the service has just closed, and for a service that restarts quickly.
const (
	repeats = 2
	pause   = 50 * time.Millisecond
)

// newClient configures go-retryablehttp. By default that logs URLs, repeats requests that may have taken effect,
// obeys any Retry-After, and hides the last response.
func newClient(transport http.RoundTripper) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport:     httputil.Transport{RoundTripper: transport},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RetryMax:     repeats,
		CheckRetry:   unsent,
		Backoff:      func(_, _ time.Duration, n int, _ *http.Response) time.Duration { return pause << n },
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

// unsent reports whether to repeat a request. It is true only for a request that failed and was certainly not
// sent, and only until the context ends.
func unsent(ctx context.Context, _ *http.Response, err error) (bool, error) {
	return err != nil && ctx.Err() == nil && !httputil.TraceOf(ctx).MaybeSent(), nil
}

// manyWorkers is the maximum number of idle connections: one for each worker that a daemon can have. Connections
// stay open for the next attempts, because a new connection takes longer than an attempt.
const manyWorkers = 10_000

// newTransport returns a transport for one host that many workers call simultaneously.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConnsPerHost:    manyWorkers,
		IdleConnTimeout:        30 * time.Second, // shorter than the timeout of servers, so that they do not close first
		MaxResponseHeaderBytes: maxAnswer,
		DisableCompression:     true, // maxAnswer would otherwise bound the compressed size
	}
}
