// Package httpconnector sends tasks over HTTP to a service that carries them out. The page
// daemon/docs/connector.md is for the authors of such a service.
//
//	POST <base>/upgrade, <base>/renew        Idempotency-Key: <task id>-<n>    Keyseat-Attempt: <k>
//	{"task_id":"…","kind":"upgrade","country":"US","account":{"login":"…","password":"…"},
//	 "plan":{"id":"…","address":"…","invite":"…"}}
//
//	  │
//	  ├─ never sent ───────────────────────── None      (refused, no such host, TLS failure)
//	  ├─ 200 with an outcome ──────────────── Settled
//	  ├─ 202 ──────────────────────────────── Pending
//	  ├─ 401, 403, 404, 408, 429 ──────────── None
//	  ├─ any other 4xx ────────────────────── Refused
//	  └─ anything else ────────────────────── Unknown   (5xx, a redirect, time-out, cut, unreadable)
//
// One attempt is one request. The connector repeats a request only if it is certain that the service cannot act on it,
// because no complete header was sent. So a quick restart of the service fails no attempt. The package tasks makes all
// other repetitions, because only that package knows the attempts, the lease and the deadline.
//
// A trace of the connection, and not the text of an error, shows whether a request was sent.
//
// The body holds the secrets of the account, and one header holds the token. Of all that was sent or received, notes
// and log lines hold only statuses and known outcomes. Notes and log lines contain no error of net/http, because such
// an error quotes URLs and headers, and a service may echo the request.
package httpconnector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/keyseat/keyseat/internal/httpclient"
	"github.com/keyseat/keyseat/internal/jsoncodec"
	"github.com/keyseat/keyseat/tasks"
)

// A Connector calls one service. Many goroutines may use it simultaneously.
type Connector struct {
	base    *url.URL
	token   atomic.Pointer[tasks.Secret]
	timeout time.Duration
	log     *slog.Logger
	client  *retryablehttp.Client
	pool    *http.Transport // the connector's own transport, for Close; nil if Options.Transport is set
}

// New returns a connector to the service at the URL base. The connector sends its requests to the paths upgrade
// and renew below that URL. New itself sends nothing.
func New(base string, o Options) (*Connector, error) {
	u, err := httpclient.ParseBase(base, o.Plaintext)
	if err != nil {
		return nil, fmt.Errorf("httpconnector: %w", err)
	}
	if o.Timeout < 0 {
		return nil, ErrTimeout
	}
	if err := checkToken(o.Token); err != nil {
		return nil, err
	}
	c := &Connector{base: u, timeout: cmp.Or(o.Timeout, DefaultTimeout), log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler))}
	c.token.Store(&o.Token)
	if o.Transport == nil {
		c.pool = newTransport()
		if o.NoProxy {
			c.pool.Proxy = nil
		}
		o.Transport = c.pool
	}
	c.client = newClient(o.Transport)
	return c, nil
}

// SetToken changes the token of later attempts. If token is invalid, it changes nothing and returns [ErrToken].
func (c *Connector) SetToken(token tasks.Secret) error {
	if err := checkToken(token); err != nil {
		return err
	}
	c.token.Store(&token)
	return nil
}

// Close closes idle connections. The connector remains usable.
func (c *Connector) Close() {
	if c.pool != nil {
		c.pool.CloseIdleConnections()
	}
}

// Do sends one attempt of a task to the service, as [tasks.Connector] demands. It returns at the latest when the
// context ends or the timeout has passed.
func (c *Connector) Do(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, timeoutError(c.timeout))
	defer cancel()
	ctx, trace := httpclient.WithTrace(ctx)
	request, err := c.newRequest(ctx, o)
	if err != nil {
		return tasks.ConnectorResult{Effect: tasks.None, Note: "the request cannot be encoded"}
	}
	response, err := c.client.Do(request)
	defer discard(response)
	if err != nil {
		effect := tasks.None
		if trace.MaybeSent() {
			effect = tasks.Unknown
		}
		return tasks.ConnectorResult{Effect: effect, Note: describeError(ctx, err)}
	}
	return c.sanitize(ctx, o, interpret(ctx, response))
}

func (c *Connector) newRequest(ctx context.Context, o tasks.ConnectorRequest) (*retryablehttp.Request, error) {
	body, err := jsoncodec.Marshal(newRequestBody(o))
	if err != nil {
		return nil, err
	}
	url := c.base.JoinPath(string(o.Kind)).String()
	r, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		return nil, err
	}
	// If GetBody is set, net/http itself repeats the request when a reused connection breaks, because it treats a POST
	// with an idempotency key as repeatable. Such a repetition would not be counted as an attempt.
	r.GetBody = nil
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", o.IdempotencyKey())
	r.Header.Set("Keyseat-Attempt", strconv.Itoa(o.Attempt))
	r.Header.Set("User-Agent", "keyseat")
	if token := c.token.Load().Reveal(); token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r, nil
}

func discard(r *http.Response) {
	if r != nil {
		_ = r.Body.Close() // nothing more of the body is read
	}
}

// sanitize removes secrets of the account from a result. It logs a warning about each secret, and about an outcome that
// a task of this kind cannot have, because the operator has to correct the service.
func (c *Connector) sanitize(ctx context.Context, o tasks.ConnectorRequest, r tasks.ConnectorResult) tasks.ConnectorResult {
	if r.Effect == tasks.Settled && !r.Outcome.Fits(o.Kind) {
		c.log.WarnContext(ctx, "the service sent an outcome that a task of this kind cannot have", "task", o.Task)
		r.Note = "a task of this kind cannot have this outcome"
	}
	for _, text := range []*string{&r.Username, &r.VerifyAddress} {
		if o.Account.RevealedBy(*text) {
			c.log.WarnContext(ctx, "the service sent a secret of the account as the username or address", "task", o.Task)
			*text = ""
		}
	}
	return r
}

// Options are the settings of a [Connector]. The zero Options suit a service behind HTTPS that needs no token.
type Options struct {
	Token     tasks.Secret  // sent as Authorization: Bearer, so without the newline of a file; "": no such header
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

// Errors that [New] returns for invalid arguments. They do not quote the argument, because it may contain a secret.
var (
	ErrBase      = httpclient.ErrBase      // the base is not an http:// or https:// URL with a host
	ErrBaseParts = httpclient.ErrBaseParts // the base URL has a user, query or fragment
	ErrPlaintext = httpclient.ErrPlaintext // the base URL is http:// to another machine, without [Options].Plaintext
	ErrToken     = errors.New("httpconnector: the token has a character that no header can carry")
	ErrTimeout   = errors.New("httpconnector: the timeout is negative")
)

func checkToken(token tasks.Secret) error {
	if !httpclient.IsToken(token.Reveal()) {
		return ErrToken
	}
	return nil
}
