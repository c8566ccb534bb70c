package client

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// Options are what a client can be told. The zero Options are good for a daemon behind HTTPS.
type Options struct {
	Timeout   time.Duration // of one try, from the first dial to the last byte; 0: [DefaultTimeout]
	Repeats   int           // tries after the first, where repeating is safe; 0: [DefaultRepeats], below 0: none
	MaxWait   time.Duration // a [RetryLaterError] that asks for more is not waited for; 0: [DefaultMaxWait]
	Plaintext bool          // allow http:// to a host that is not loopback

	// Transport carries the requests; nil: one of the client's own. It must report to
	// net/http/httptrace, as all of net/http do: what does not is never believed to have sent nothing.
	Transport http.RoundTripper
}

// What holds where nothing else is set.
const (
	DefaultTimeout = 10 * time.Second // the daemon answers, or gives up, in less
	DefaultRepeats = 3
	DefaultMaxWait = 5 * time.Second
)

// What [New] and [NewAdmin] can refuse. None of them quotes what it was given, which may hold a secret.
var (
	ErrBase      = errors.New("client: the base is not an http:// or https:// URL with a host, and without user, query or fragment")
	ErrPlaintext = errors.New("client: the base URL is http:// to another machine, where passwords could be read on the way")
	ErrToken     = errors.New("client: the token is empty or has a character that no header can carry")
)

func (o Options) filled() Options {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Repeats == 0 {
		o.Repeats = DefaultRepeats
	}
	if o.MaxWait <= 0 {
		o.MaxWait = DefaultMaxWait
	}
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	o.Repeats = max(o.Repeats, 0)
	return o
}

func parseBase(base string, plaintext bool) (*url.URL, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return nil, ErrBase
	case u.User != nil || strings.ContainsAny(base, "?#"): // even empty ones
		return nil, ErrBase
	case u.Scheme == "http" && !plaintext && !loopback(u.Hostname()):
		return nil, ErrPlaintext
	}
	return u, nil
}

func loopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

func checkToken(token tasks.Secret) error {
	text := token.Reveal()
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ErrToken
	}
	return nil
}

// newTransport is for one host.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        time.Minute, // below the daemon's: it should not close first
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // or the bound on an answer would be one on its compressed form
	}
}
