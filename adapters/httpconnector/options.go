package httpconnector

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/keyseat/keyseat/internal/httpclient"

	"github.com/keyseat/keyseat/tasks"
)

// Options are the settings of a [Connector]. The zero Options suit a service behind HTTPS that needs no token.
type Options struct {
	Token     tasks.Secret  // sent as Authorization: Bearer; "": no such header
	Timeout   time.Duration // of one attempt, from the first dial to the last byte; 0: [DefaultTimeout]
	Plaintext bool          // allow http:// to a host that is not loopback
	NoProxy   bool          // ignore HTTP_PROXY, HTTPS_PROXY and NO_PROXY; no effect if Transport is set
	Logger    *slog.Logger  // nil: nothing is logged

	// Transport sends the requests; nil: the connector makes its own. It must report to net/http/httptrace, as
	// the transports of net/http do. Otherwise each failed request counts as possibly sent.
	Transport http.RoundTripper
}

// DefaultTimeout is the timeout of one attempt if [Options] sets none.
const DefaultTimeout = 30 * time.Second

// Errors that [New] returns for invalid arguments. None quotes its argument, which may hold a secret.
var (
	ErrBase      = httpclient.ErrBase      // the base is not an http:// or https:// URL with a host
	ErrBaseParts = httpclient.ErrBaseParts // the base URL has a user, query or fragment
	ErrPlaintext = httpclient.ErrPlaintext // the base URL is http:// to another machine, without [Options].Plaintext
	ErrToken     = errors.New("httpconnector: the token has a character that no header can carry")
	ErrTimeout   = errors.New("httpconnector: the timeout is negative")
)

func (o Options) check() error {
	if o.Timeout < 0 {
		return ErrTimeout
	}
	return checkToken(o.Token)
}

func checkToken(token tasks.Secret) error {
	if !httpclient.IsToken(token.Reveal()) {
		return ErrToken
	}
	return nil
}
