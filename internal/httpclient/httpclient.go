// Package httpclient has the parts that keyseat's HTTP clients share. A client calls a server over the network, or a
// handler in the same process.
//
//	network        ParseBase checks the URL, NewTransport connects, a Transport fills a Trace, and
//	               RetryAfter reads the response
//	same process   handler.ServeHTTP(Recorder, request)
package httpclient

import (
	"bytes"
	"crypto/tls"
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

// NewTransport returns a transport that keeps up to maxIdle idle connections to each host for idle, and uses the proxy
// that the environment names. The timeout of the dialer also limits the TLS handshake. Response headers have up to
// 64 KiB. Responses are not compressed, so that a size limit of the caller applies to what it reads.
func NewTransport(dialer *net.Dialer, maxIdle int, idle time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    dialer.Timeout,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idle,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
	}
}

// NoRedirect makes an [http.Client] return a redirect as it is, because a redirect could send secrets to another server.
// Use it as CheckRedirect.
func NoRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// ServerFault describes a fault of the server that a request should reach, such as "host name does not resolve".
// It returns "" if the error has another reason. It quotes nothing of the error.
func ServerFault(err error) string {
	if _, is := errors.AsType[*net.DNSError](err); is {
		return "host name does not resolve"
	}
	if _, is := errors.AsType[*tls.CertificateVerificationError](err); is {
		return "certificate is not trusted"
	}
	return ""
}

// IsTimeout reports whether a network operation took too long.
func IsTimeout(err error) bool {
	timeout, is := errors.AsType[net.Error](err)
	return is && timeout.Timeout()
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
