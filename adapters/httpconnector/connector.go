package httpconnector

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/keyseat/keyseat/tasks"
)

// A Connector asks one service. It may be used by many goroutines at once.
type Connector struct {
	base    *url.URL
	token   atomic.Pointer[tasks.Secret]
	timeout time.Duration
	log     *slog.Logger
	client  *retryablehttp.Client
	pool    *http.Transport // our own, to be closed; nil if the caller gave one
}

// New makes a connector to the service at that base URL, below which it has upgrade and renew.
// Nothing is sent yet.
func New(base string, o Options) (*Connector, error) {
	u, err := parseBase(base, o.Plaintext)
	if err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	c := &Connector{base: u, timeout: o.Timeout, log: o.Logger}
	c.token.Store(&o.Token)
	if c.timeout == 0 {
		c.timeout = DefaultTimeout
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
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

// SetToken changes the token of the attempts that begin from now on. If it is refused, the old one stays.
func (c *Connector) SetToken(token tasks.Secret) error {
	if err := checkToken(token); err != nil {
		return err
	}
	c.token.Store(&token)
	return nil
}

// Close lets go of idle connections. The connector can still be used.
func (c *Connector) Close() {
	if c.pool != nil {
		c.pool.CloseIdleConnections()
	}
}

// Do asks for one task, as [tasks.Connector] demands. It returns when the context ends or the
// timeout has passed, if not before.
func (c *Connector) Do(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, late(c.timeout))
	defer cancel()
	ctx, trail := follow(ctx)
	request, err := c.request(ctx, o)
	if err != nil {
		return tasks.ConnectorResult{Effect: tasks.None, Note: "the order cannot be written down"}
	}
	response, err := c.client.Do(request)
	if err != nil {
		discard(response)
		return tasks.ConnectorResult{Effect: trail.effect(ctx), Note: words(ctx, err)}
	}
	defer discard(response)
	return c.checked(ctx, o, judge(ctx, response))
}

func discard(r *http.Response) {
	if r != nil {
		_ = r.Body.Close() // it was read, as far as it ever will be
	}
}

// checked logs what the operator of the service has to know, and takes out of the answer what a
// connector must not say.
func (c *Connector) checked(ctx context.Context, o tasks.ConnectorRequest, a tasks.ConnectorResult) tasks.ConnectorResult {
	if a.Effect == tasks.Settled && !a.Outcome.Fits(o.Kind) {
		c.log.WarnContext(ctx, "the service answered with an outcome that a task of this kind cannot have", "task", o.Task)
		a.Note = "an outcome that does not fit"
	}
	for _, told := range []*string{&a.Username, &a.VerifyAddress} {
		if secret(*told, o.Account) {
			c.log.WarnContext(ctx, "the service answered with what is secret", "task", o.Task)
			*told = ""
		}
	}
	return a
}

// telling is how long a secret is, at least, that gives itself away inside another text: a shorter
// one may stand there by chance.
const telling = 8

// secret says whether the text is, or holds, a secret of the account: a username is stored and shown
// in plain.
func secret(text string, a tasks.Account) bool {
	for _, s := range a.Secrets() {
		if hidden := s.Reveal(); text != "" && text == hidden || len(hidden) >= telling && strings.Contains(text, hidden) {
			return true
		}
	}
	return false
}
