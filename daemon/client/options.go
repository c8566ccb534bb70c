package client

import (
	"cmp"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/keyseat/keyseat/internal/httpclient"
)

// Options configure a client. The zero Options are suitable for a daemon with an https:// URL.
type Options struct {
	Timeout   time.Duration // for one attempt, from the dial to the last byte; 0: [DefaultTimeout]
	Repeats   int           // the number of further attempts where a repetition is safe; 0: [DefaultRepeats]; negative: no repetition
	MaxWait   time.Duration // the longest pause that a daemon can request before a repetition; 0: [DefaultMaxWait]
	Plaintext bool          // allow http:// to a host that is not loopback

	// Transport sends the requests; nil: a transport of the client's own. It must support net/http/httptrace, as the
	// transports of net/http do. Otherwise the client always assumes that a request may have been sent.
	Transport http.RoundTripper
}

// The defaults of [Options].
const (
	DefaultTimeout = 15 * time.Second // longer than a daemon needs: up to 4s for a call of the public API, up to 10s for the admin API
	DefaultRepeats = 3
	DefaultMaxWait = 5 * time.Second
)

// The errors of [New] and [NewAdmin]. They never quote an argument, because an argument may contain a secret.
var (
	ErrBase      = httpclient.ErrBase      // the base is not an http:// or https:// URL with a host
	ErrBaseParts = httpclient.ErrBaseParts // the base URL has a user, query or fragment
	ErrPlaintext = httpclient.ErrPlaintext // the base URL is http:// to another machine, without [Options].Plaintext
	ErrToken     = errors.New("client: the token is empty or has a character that no header can carry")
)

func (o Options) withDefaults() Options {
	o.Timeout = cmp.Or(max(o.Timeout, 0), DefaultTimeout)
	o.Repeats = max(cmp.Or(o.Repeats, DefaultRepeats), 0)
	o.MaxWait = cmp.Or(max(o.MaxWait, 0), DefaultMaxWait)
	if o.Transport == nil {
		dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
		o.Transport = httpclient.NewTransport(dialer, 16, time.Minute) // a daemon keeps idle connections longer, so the client closes them first
	}
	return o
}
