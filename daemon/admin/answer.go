package admin

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// An answer is a response of the API.
type answer struct {
	status int
	header map[string]string // in addition to the headers of every answer
	body   any               // nil: no body
}

func found(body any) (answer, error) { return answer{status: http.StatusOK, body: body}, nil }

// pause is the Retry-After of an answer that says that the daemon cannot answer now, in seconds.
const pause = "2"

// challenge is the header WWW-Authenticate, which requests a token (RFC 6750).
const challenge = `Bearer realm="keyseat"`

// answer returns the answer for a fault.
func (f fault) answer() answer {
	p := f.problem()
	a := answer{status: p.Status, body: p, header: map[string]string{}}
	switch p.Status {
	case http.StatusUnauthorized:
		a.header["WWW-Authenticate"] = challenge
	case http.StatusForbidden:
		a.header["WWW-Authenticate"] = challenge + `, error="insufficient_scope"`
	case http.StatusServiceUnavailable:
		a.header["Retry-After"] = pause
	}
	return a
}

func notAllowed(methods []string) answer {
	allow := strings.Join(methods, ", ")
	a := fault{NotAllowed, "use " + allow}.answer()
	a.header["Allow"] = allow
	return a
}

// write sends the answer as one line of JSON, without HTML escapes such as those for &.
func (a answer) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	for name, value := range a.header {
		h.Set(name, value)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	h.Set("Content-Type", "application/json")
	if _, is := a.body.(problem); is {
		h.Set("Content-Type", "application/problem+json")
	}
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(a.body) // all bodies of this package can be encoded
	h.Set("Content-Length", strconv.Itoa(line.Len()))
	w.WriteHeader(a.status)
	_, _ = w.Write(line.Bytes()) // an error means that the client has disconnected
}
