package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/keyseat/keyseat/internal/httpclient"
)

// newRetryClient configures go-retryablehttp. By default that package logs URLs, repeats any POST, follows
// redirects, obeys any Retry-After, and hides the last response.
func (t *transport) newRetryClient(p retryPolicy) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient:   t.http,
		RetryMax:     t.repeats,
		CheckRetry:   p.check,
		Backoff:      p.pause,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

// A retryPolicy decides which attempts of one request are repeated, and after which pause.
type retryPolicy struct {
	maxWait    time.Duration // the longest pause that the client waits for
	repeatable bool          // the request may be carried out twice
}

// check decides whether to repeat an attempt with this result.
func (p retryPolicy) check(ctx context.Context, r *http.Response, err error) (bool, error) {
	trace := httpclient.TraceOf(ctx)
	repeat := false
	switch {
	case ctx.Err() != nil, isUntrusted(err):
	case err != nil:
		repeat = p.repeatable || !trace.MaybeSent()
	case httpclient.RetryAfter(r.Header) <= p.maxWait:
		repeat = r.StatusCode == http.StatusTooManyRequests || // the daemon stored nothing
			p.repeatable && slices.Contains(transientStatuses, r.StatusCode)
	}
	if repeat {
		trace.Reset()
	}
	return repeat, nil
}

// transientStatuses lists the statuses of failures that are usually temporary.
var transientStatuses = []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// isUntrusted reports whether the error is an untrusted certificate. A repetition cannot succeed then.
func isUntrusted(err error) bool {
	_, is := errors.AsType[*tls.CertificateVerificationError](err)
	return is
}

// The pauses after a response without Retry-After. They double from firstPause up to lastPause.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
)

func (retryPolicy) pause(_, _ time.Duration, n int, r *http.Response) time.Duration {
	if r != nil {
		if after := httpclient.RetryAfter(r.Header); after > 0 {
			return after
		}
	}
	pause := min(firstPause<<min(n, 10), lastPause)
	return pause - time.Duration(rand.Float64()*float64(pause)/2) // random, to spread the clients that failed simultaneously
}

// rateLimitSentence is the sentence of a response to a client that has exceeded a rate limit.
const rateLimitSentence = "Too many requests, try again later"

// A statusTransport sets the real status of each response.
type statusTransport struct{ inner http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t statusTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	in, err := t.inner.RoundTrip(r)
	if err == nil {
		restoreStatus(in)
	}
	return in, err
}

// restoreStatus sets the real status of a response. A daemon with --http-status documented sends every response
// with the status 200. It adds the header Retry-After if the real status is 429 or 503.
func restoreStatus(r *http.Response) {
	if r.StatusCode != http.StatusOK || r.Header.Get("Retry-After") == "" {
		return
	}
	r.StatusCode = http.StatusServiceUnavailable
	start, _ := io.ReadAll(io.LimitReader(r.Body, 256)) // the next read of the body returns an error again
	if strings.Contains(string(start), rateLimitSentence) {
		r.StatusCode = http.StatusTooManyRequests
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), r.Body), r.Body}
}
