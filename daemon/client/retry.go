package client

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/keyseat/keyseat/internal/httputil"
)

// newHTTP configures go-retryablehttp. By default that package logs URLs, repeats any POST, follows
// redirects, obeys any Retry-After, and hides the last response.
func newHTTP(o Options) *retryablehttp.Client {
	p := patience{o.MaxWait}
	return &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport:     statusTransport{httputil.Transport{RoundTripper: o.Transport}},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Timeout:       o.Timeout,
		},
		RetryMax:     o.Repeats,
		CheckRetry:   p.again,
		Backoff:      p.pause,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

type onceKey struct{}

// withOnce returns a context whose request must not be carried out twice, if once is true.
func withOnce(ctx context.Context, once bool) context.Context {
	return context.WithValue(ctx, onceKey{}, once)
}

func isOnce(ctx context.Context) bool {
	once, _ := ctx.Value(onceKey{}).(bool)
	return once
}

// A patience decides which attempts are repeated, and after which pause.
type patience struct{ most time.Duration }

// again decides whether to repeat an attempt with this result.
func (p patience) again(ctx context.Context, r *http.Response, err error) (bool, error) {
	trace, once := httputil.TraceOf(ctx), isOnce(ctx)
	again := false
	switch {
	case ctx.Err() != nil, untrusted(err):
	case err != nil:
		again = !once || !trace.MaybeSent()
	case httputil.RetryAfter(r.Header) <= p.most:
		again = r.StatusCode == http.StatusTooManyRequests || // the daemon stored nothing
			!once && slices.Contains(passing, r.StatusCode)
	}
	if again {
		trace.Reset()
	}
	return again, nil
}

// passing lists the statuses of failures that are usually temporary.
var passing = []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// untrusted reports whether the error is an untrusted certificate. A repetition cannot succeed then.
func untrusted(err error) bool {
	_, is := errors.AsType[*tls.CertificateVerificationError](err)
	return is
}

// The pauses after a response without Retry-After. They double from firstPause up to lastPause.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
)

func (patience) pause(_, _ time.Duration, n int, r *http.Response) time.Duration {
	if r != nil {
		if after := httputil.RetryAfter(r.Header); after > 0 {
			return after
		}
	}
	pause := min(firstPause<<min(n, 10), lastPause)
	return pause - time.Duration(rand.Float64()*float64(pause)/2) // random, to spread the clients that failed simultaneously
}
