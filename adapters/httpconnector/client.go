package httpconnector

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/keyseat/keyseat/internal/httpclient"
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
			Transport:     httpclient.Transport{RoundTripper: transport},
			CheckRedirect: httpclient.NoRedirect,
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
	return err != nil && ctx.Err() == nil && !httpclient.TraceOf(ctx).MaybeSent(), nil
}

// maxIdleConns is the maximum number of idle connections: one for each worker that a daemon can have. Connections
// stay open for the next attempts, because a new connection takes longer than an attempt.
const maxIdleConns = 10_000

// newTransport returns a transport for one host that many workers call simultaneously.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return httpclient.NewTransport(dialer, maxIdleConns, 30*time.Second) // servers keep idle connections longer, so they do not close first
}
