package client

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// tooMany is the sentence of a response to a client that has exceeded a rate limit.
const tooMany = "Too many requests, try again later"

// A statusTransport sets the real status of each response.
type statusTransport struct{ transport http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t statusTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.transport.RoundTrip(r)
	if err == nil {
		restore(answer)
	}
	return answer, err
}

// restore sets the real status of a response. A daemon with --http-status documented sends every response
// with the status 200. It adds the header Retry-After if the real status is 429 or 503.
func restore(r *http.Response) {
	if r.StatusCode != http.StatusOK || r.Header.Get("Retry-After") == "" {
		return
	}
	r.StatusCode = http.StatusServiceUnavailable
	start, _ := io.ReadAll(io.LimitReader(r.Body, 256)) // the next read of the body returns an error again
	if strings.Contains(string(start), tooMany) {
		r.StatusCode = http.StatusTooManyRequests
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), r.Body), r.Body}
}
