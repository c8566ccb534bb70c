package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/keyseat/keyseat/internal/httpclient"
	"github.com/keyseat/keyseat/tasks"
)

// A transport sends the requests of both clients. It repeats a request where that is safe, and returns a
// different error for each kind of failure.
type transport struct {
	base     *url.URL
	token    tasks.Secret // "": no token
	maxSize  int64        // the maximum size of a response, in bytes
	http     *http.Client
	repeats  int                  // the number of further attempts where a repetition is safe
	maxWait  time.Duration        // [Options].MaxWait
	errorFor func(response) error // returns the error for a response whose status is not 2xx
}

// A request is one call of the API, without the URL and the token that all calls share.
type request struct {
	method        string
	path          string // the escaped path below the base URL
	query         string
	contentType   string // of the body
	body          []byte
	header        http.Header // additional headers; may be nil
	notRepeatable bool        // the request must not be carried out twice
}

func newTransport(base string, token tasks.Secret, maxSize int64, errorFor func(response) error, o Options) (*transport, error) {
	u, err := httpclient.ParseBase(base, o.Plaintext)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	o = o.withDefaults()
	return &transport{
		base: u, token: token, maxSize: maxSize, repeats: o.Repeats, maxWait: o.MaxWait, errorFor: errorFor,
		http: &http.Client{
			Transport:     statusTransport{httpclient.Transport{RoundTripper: o.Transport}},
			CheckRedirect: httpclient.NoRedirect,
			Timeout:       o.Timeout,
		},
	}, nil
}

// send makes a call. If the status of the response is 2xx, send passes the response to the function read. For any other
// status it returns the error of t.errorFor.
func (t *transport) send(ctx context.Context, q request, read func(response) error) error {
	ctx, trace := httpclient.WithTrace(ctx)
	out, err := t.newRequest(ctx, q)
	if err != nil {
		return errRequest
	}
	r, err := t.exchange(ctx, t.newRetryClient(!q.notRepeatable), out)
	switch {
	case err != nil:
	case r.status/100 == 2:
		err = read(r)
	default:
		err = t.errorFor(r)
	}
	if err != nil && q.notRepeatable && trace.MaybeSent() && !r.isCertain(err) {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return err
}

// isCertain reports whether the response leaves no doubt about whether the request was carried out. The argument is the
// error of the call, or nil.
func (r response) isCertain(err error) bool {
	switch r.status / 100 {
	case 2:
		return !errors.Is(err, ErrInvalidResponse) && !errors.Is(err, ErrNoResponse)
	case 4:
		return true // the daemon refused the request
	}
	return false
}

func (t *transport) newRequest(ctx context.Context, q request) (*retryablehttp.Request, error) {
	u := *t.base.JoinPath(q.path)
	u.RawQuery = q.query
	var body any // not a nil []byte, which would be a body of zero bytes
	if q.body != nil {
		body = q.body
	}
	r, err := retryablehttp.NewRequestWithContext(ctx, q.method, u.String(), body)
	if err != nil {
		return nil, err
	}
	// With GetBody, net/http itself would send some requests again if a reused connection breaks.
	r.GetBody = nil
	for name, values := range q.header {
		r.Header[name] = values
	}
	r.Header.Set("User-Agent", "keyseat-client")
	r.Header.Set("Accept", "application/json")
	if q.contentType != "" {
		r.Header.Set("Content-Type", q.contentType)
	}
	if text := t.token.Reveal(); text != "" {
		r.Header.Set("Authorization", "Bearer "+text)
	}
	return r, nil
}

// exchange sends a request and reads the response. An incomplete response is treated as no response.
func (t *transport) exchange(ctx context.Context, client *retryablehttp.Client, q *retryablehttp.Request) (response, error) {
	in, err := client.Do(q)
	if err != nil {
		if in != nil {
			_ = in.Body.Close() // the body is not needed
		}
		return response{}, noResponse(ctx, err)
	}
	defer func() { _ = in.Body.Close() }() // an error does not matter after the body was read
	body, err := io.ReadAll(io.LimitReader(in.Body, t.maxSize+1))
	r := response{in.StatusCode, in.Header, body}
	switch {
	case err != nil:
		return r, noResponse(ctx, err)
	case int64(len(body)) > t.maxSize:
		return r, ErrInvalidResponse
	}
	return r, nil
}

// newRetryClient returns a client of go-retryablehttp without the defaults of that package. By default, that package logs
// URLs, repeats any POST, follows redirects, obeys any Retry-After, and hides the last response.
func (t *transport) newRetryClient(repeatable bool) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient: t.http,
		RetryMax:   t.repeats,
		CheckRetry: func(ctx context.Context, r *http.Response, err error) (bool, error) {
			return t.mayRepeat(ctx, repeatable, r, err), nil
		},
		Backoff:      pause,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

// mayRepeat decides from the response or the error of an attempt whether to repeat the request. If repeatable is true,
// the request may be carried out twice. Before a repetition, mayRepeat resets the trace of the attempt.
func (t *transport) mayRepeat(ctx context.Context, repeatable bool, r *http.Response, err error) (repeat bool) {
	trace := httpclient.TraceOf(ctx)
	switch {
	case ctx.Err() != nil, isUntrusted(err):
	case err != nil:
		repeat = repeatable || !trace.MaybeSent()
	case httpclient.RetryAfter(r.Header) <= t.maxWait:
		repeat = r.StatusCode == http.StatusTooManyRequests || // the daemon stored nothing
			repeatable && slices.Contains(transientStatuses, r.StatusCode)
	}
	if repeat {
		trace.Reset()
	}
	return repeat
}

// transientStatuses lists the statuses of failures that are usually temporary.
var transientStatuses = []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// isUntrusted reports whether the error is an untrusted certificate. A repetition would get the same certificate.
func isUntrusted(err error) bool {
	_, is := errors.AsType[*tls.CertificateVerificationError](err)
	return is
}

// The pauses after a response without Retry-After. They double from firstPause up to lastPause.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
)

func pause(_, _ time.Duration, n int, r *http.Response) time.Duration {
	if r != nil {
		if after := httpclient.RetryAfter(r.Header); after > 0 {
			return after
		}
	}
	pause := min(firstPause<<min(n, 10), lastPause)
	return pause - rand.N(pause/2) // random, to spread the clients that failed simultaneously
}

// rateLimitSentence is the sentence of a response to a client that has exceeded a rate limit.
const rateLimitSentence = "Too many requests, try again later"

// A statusTransport sets the real status of each response. A daemon with --http-status documented sends every
// response with the status 200. It adds the header Retry-After if the real status is 429 or 503.
type statusTransport struct{ inner http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t statusTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	in, err := t.inner.RoundTrip(r)
	if err != nil || in.StatusCode != http.StatusOK || in.Header.Get("Retry-After") == "" {
		return in, err
	}
	in.StatusCode = http.StatusServiceUnavailable
	start, _ := io.ReadAll(io.LimitReader(in.Body, 256)) // the next read of the body returns the error again
	if strings.Contains(string(start), rateLimitSentence) {
		in.StatusCode = http.StatusTooManyRequests
	}
	in.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), in.Body), in.Body}
	return in, nil
}
