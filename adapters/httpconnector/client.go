package httpconnector

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/keyseat/keyseat/internal/httputil"
)

// A request that was not sent is repeated up to maxRetries times, after retryPause and then 2*retryPause. This is enough
// for a connection that the service has just closed, and for a service that restarts quickly.
const (
	maxRetries = 2
	retryPause = 50 * time.Millisecond
)

// newClient configures go-retryablehttp. By default that package logs URLs, repeats requests that may have taken effect,
// obeys any Retry-After, and hides the last response.
func newClient(transport http.RoundTripper) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport:     httputil.Transport{RoundTripper: transport},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RetryMax:     maxRetries,
		CheckRetry:   notSent,
		Backoff:      func(_, _ time.Duration, n int, _ *http.Response) time.Duration { return retryPause << n },
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

// notSent reports whether to repeat a request. It is true only for a request that failed and was certainly not
// sent, and only until the context ends.
func notSent(ctx context.Context, _ *http.Response, err error) (bool, error) {
	return err != nil && ctx.Err() == nil && !httputil.TraceOf(ctx).MaybeSent(), nil
}

// maxIdleConns is the maximum number of idle connections: one for each worker that a daemon can have. Connections
// stay open for the next attempts, because a new connection takes longer than an attempt.
const maxIdleConns = 10_000

// newTransport returns a transport for one host that many workers call simultaneously.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConnsPerHost:    maxIdleConns,
		IdleConnTimeout:        30 * time.Second, // shorter than the timeout of servers, so that they do not close first
		MaxResponseHeaderBytes: maxResponse,
		DisableCompression:     true, // maxResponse would otherwise bound the compressed size
	}
}
