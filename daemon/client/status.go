package client

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// tooMany is the sentence of an answer that refuses a request for a limit.
const tooMany = "Too many requests, try again later"

// restore gives an answer its real status. A daemon with --http-status documented sends every body with the
// status 200, and the header Retry-After with what otherwise is 429 or 503.
func restore(r *http.Response) {
	if r.StatusCode != http.StatusOK || r.Header.Get("Retry-After") == "" {
		return
	}
	r.StatusCode = http.StatusServiceUnavailable
	start, _ := io.ReadAll(io.LimitReader(r.Body, 256)) // an error comes again with the rest
	if strings.Contains(string(start), tooMany) {
		r.StatusCode = http.StatusTooManyRequests
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), r.Body), r.Body}
}
