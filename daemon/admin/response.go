package admin

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/keyseat/keyseat/internal/jsoncodec"
)

// A response is a response of the API.
type response struct {
	status int
	header map[string]string // in addition to the headers of every response
	body   any               // nil: no body
}

// okResponse returns a response with status 200.
func okResponse(body any) (response, error) { return response{status: http.StatusOK, body: body}, nil }

// retryAfter is the Retry-After of [Unavailable], in seconds.
const retryAfter = "2"

// challenge is the header WWW-Authenticate, which requests a token (RFC 6750).
const challenge = `Bearer realm="keyseat"`

// response returns the response for an error.
func (e apiError) response() response {
	p := e.problem()
	r := response{status: p.Status, body: p, header: map[string]string{}}
	switch p.Status {
	case http.StatusUnauthorized:
		r.header["WWW-Authenticate"] = challenge
	case http.StatusForbidden:
		r.header["WWW-Authenticate"] = challenge + `, error="insufficient_scope"`
	case http.StatusServiceUnavailable:
		r.header["Retry-After"] = retryAfter
	}
	return r
}

// methodNotAllowed returns the response for a path that does not have the method.
func methodNotAllowed(methods []string) response {
	allow := strings.Join(methods, ", ")
	r := apiError{NotAllowed, "use " + allow}.response()
	r.header["Allow"] = allow
	return r
}

// write sends the response as one line of JSON, without HTML escapes such as those for &.
func (r response) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	for name, value := range r.header {
		h.Set(name, value)
	}
	if r.body == nil {
		w.WriteHeader(r.status)
		return
	}
	h.Set("Content-Type", "application/json")
	if _, isProblem := r.body.(problem); isProblem {
		h.Set("Content-Type", "application/problem+json")
	}
	line, _ := jsoncodec.Marshal(r.body) // all bodies of this package can be encoded
	line = append(line, '\n')
	h.Set("Content-Length", strconv.Itoa(len(line)))
	w.WriteHeader(r.status)
	_, _ = w.Write(line) // an error means that the client has disconnected
}
