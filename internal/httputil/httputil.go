// Package httputil has the parts that several HTTP clients and handlers of keyseat share.
package httputil

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The errors of [ParseBase]. None quotes the URL, which may hold a secret.
var (
	ErrBase      = errors.New("the base is not an http:// or https:// URL with a host")
	ErrBaseParts = errors.New("the base URL must have no user, query or fragment")
	ErrPlaintext = errors.New("the base URL is http:// to another machine, where passwords could be read on the way")
)

// ParseBase parses the base URL of a service. Unless plaintext is true, http:// is allowed only to this machine.
func ParseBase(base string, plaintext bool) (*url.URL, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return nil, ErrBase
	case u.User != nil || strings.ContainsAny(base, "?#"): // even an empty query or fragment
		return nil, ErrBaseParts
	case u.Scheme == "http" && !plaintext && !isLoopback(u.Hostname()):
		return nil, ErrPlaintext
	}
	return u, nil
}

func isLoopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

// IsToken reports whether a header can carry the text as a token: it has only visible ASCII characters. The text may be
// empty.
func IsToken(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// RetryAfter returns the pause in the Retry-After header of a response: a number of seconds or a date (RFC 9110,
// section 10.2.3). A date is by the server's clock, so it is compared with the Date header. Without a Date header it is
// compared with the local clock. RetryAfter returns 0 without a Retry-After header, for a date in the past, and for any
// other text. The pause has no upper bound, so callers must limit it.
func RetryAfter(h http.Header) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text != "" && strings.Trim(text, "0123456789") == "" {
		seconds, _ := strconv.ParseInt(text, 10, 64) // ParseInt returns the largest value if the number is too large
		return time.Duration(min(seconds, math.MaxInt64/int64(time.Second))) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(0, at.Sub(now))
}

// MarshalJSON is like [json.Marshal], but does not escape the HTML characters <, > and &.
func MarshalJSON(value any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// A Recorder is an [http.ResponseWriter] that keeps the response in memory. The zero Recorder is ready for use.
type Recorder struct {
	Body bytes.Buffer

	header http.Header
	status int // 0 until the handler sets it
}

// Header implements [http.ResponseWriter].
func (r *Recorder) Header() http.Header {
	if r.header == nil {
		r.header = http.Header{}
	}
	return r.header
}

// WriteHeader implements [http.ResponseWriter].
func (r *Recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

// Write implements [http.ResponseWriter].
func (r *Recorder) Write(text []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.Body.Write(text)
}

// Status returns the status of the response, which is 200 unless the handler has set another one.
func (r *Recorder) Status() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}
