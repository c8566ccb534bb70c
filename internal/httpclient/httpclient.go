// Package httpclient has the parts that keyseat's HTTP clients share. A client calls a server over the network, or a
// handler in the same process.
//
//	network        ParseBase checks the URL, NewTransport connects, a Transport fills a Trace, and
//	               RetryAfter reads the response
//	same process   handler.ServeHTTP(Recorder, request)
package httpclient

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
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

// NewTransport returns a transport that uses the proxy that the environment names. It keeps up to maxIdle idle
// connections to each host, each for the duration idle. The timeout of the dialer also limits the TLS handshake.
// Response headers have up to 64 KiB. The transport does not decompress responses, because a small compressed response
// could become very large.
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

// IsToken reports whether a header can carry the text as a token: only visible ASCII characters, or nothing.
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
func (r *Recorder) WriteHeader(status int) { r.status = cmp.Or(r.status, status) }

// Write implements [http.ResponseWriter].
func (r *Recorder) Write(text []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.Body.Write(text)
}

// Status returns the status of the response, which is 200 unless the handler has set another one.
func (r *Recorder) Status() int { return cmp.Or(r.status, http.StatusOK) }

// A Trace records how far a request has got, over all attempts since the last [Trace.Reset]. After a failure it answers
// one question: may the request have been sent, so that the server can act on it?
//
//	no attempt began                                     not sent
//	the transport got no connection                      not sent
//	the transport wrote no header field to a connection  not sent, unless the context ended
//	the transport wrote a header field to a connection   maybe sent
//	the transport does not report to httptrace           maybe sent
//
// If the context ends, the transport returns without waiting for its writer, which may still write. So a request with a
// connection then counts as maybe sent. In all other cases the transport waits for its writer.
type Trace struct {
	begun    atomic.Bool // a transport has got the request
	reported atomic.Bool // the transport has requested a connection, so it reports to httptrace
	got      atomic.Bool // the request has a connection
	wrote    atomic.Bool // a header field may be in the connection's buffer
}

type traceKey struct{}

// WithTrace returns a context for one request, and the trace of that request, which must go through a [Transport].
func WithTrace(ctx context.Context) (context.Context, *Trace) {
	t := new(Trace)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:          func(string) { t.reported.Store(true) },
		GotConn:          func(httptrace.GotConnInfo) { t.got.Store(true) },
		WroteHeaderField: func(string, []string) { t.wrote.Store(true) },
	})
	return context.WithValue(ctx, traceKey{}, t), t
}

// TraceOf returns the trace of the context's request, or nil if the context does not come from [WithTrace].
func TraceOf(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}

// MaybeSent reports whether the request may have been sent. If not, certainly no complete header has left this machine.
func (t *Trace) MaybeSent() bool {
	return t.begun.Load() && (!t.reported.Load() || t.wrote.Load())
}

// Reset clears the trace. Call it after an attempt that certainly had no effect, such as one that the server refused.
func (t *Trace) Reset() {
	for _, flag := range []*atomic.Bool{&t.begun, &t.reported, &t.got, &t.wrote} {
		flag.Store(false)
	}
}

// A Transport records in the [Trace] of a request what its RoundTripper does.
//
// A Transport does not have the method CloseIdleConnections, because go-retryablehttp would call that method at each
// failure.
type Transport struct{ RoundTripper http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	trace := TraceOf(r.Context())
	trace.begun.Store(true)
	response, err := t.RoundTripper.RoundTrip(r)
	if err != nil && trace.got.Load() && ended(r.Context()) {
		trace.wrote.Store(true)
	}
	return response, err
}

// ended reports whether the context has ended or is about to end. The timeout of an [http.Client] is the deadline of
// the context, but the client may cancel a request a moment before that.
func ended(ctx context.Context) bool {
	deadline, has := ctx.Deadline()
	return ctx.Err() != nil || has && !time.Now().Before(deadline)
}
