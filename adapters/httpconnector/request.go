package httpconnector

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/keyseat/keyseat/internal/httpclient"
	"github.com/keyseat/keyseat/internal/jsoncodec"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A requestBody is the body of a request. It depends on the task and its plan alone, so every attempt with the same
// plan sends the same bytes.
type requestBody struct {
	TaskID  string        `json:"task_id"`
	Kind    tasks.Kind    `json:"kind"`
	Country stock.Country `json:"country,omitempty"`
	Account account       `json:"account"`
	Plan    *plan         `json:"plan,omitempty"`
}

type account struct {
	Login       string `json:"login"`
	Password    string `json:"password"`
	NewEmail    string `json:"new_email,omitempty"`
	NewPassword string `json:"new_password,omitempty"`
}

type plan struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Invite  string `json:"invite"`
}

func newRequestBody(o tasks.ConnectorRequest) requestBody {
	b := requestBody{TaskID: o.Task, Kind: o.Kind, Country: o.Country, Account: account{
		Login:    o.Account.Login.Reveal(),
		Password: o.Account.Password.Reveal(),
	}}
	switch o.Kind {
	case tasks.Upgrade:
		b.Plan = &plan{o.Plan.ID, o.Plan.Address, o.Plan.Invite}
	case tasks.Renew:
		b.Account.NewEmail = o.Account.NewEmail.Reveal()
		b.Account.NewPassword = o.Account.NewPassword.Reveal()
	}
	return b
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
	// If GetBody is set, net/http itself repeats the request when a reused connection breaks, because it treats
	// a POST with an idempotency key as repeatable. Such an attempt would not be counted.
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

// A request that was not sent is repeated up to maxRetries times, after retryPause and then 2*retryPause. This is enough
// for a connection that the service has just closed, and for a service that restarts quickly.
const (
	maxRetries = 2
	retryPause = 50 * time.Millisecond
)

// newClient configures go-retryablehttp. By default that package logs URLs, repeats requests that may have taken effect,
// obeys any Retry-After, and hides the last response.
func newClient(transport http.RoundTripper) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport:     httpclient.Transport{RoundTripper: transport},
			CheckRedirect: httpclient.NoRedirect,
		},
		RetryMax:     maxRetries,
		CheckRetry:   notSent,
		Backoff:      func(_, _ time.Duration, n int, _ *http.Response) time.Duration { return retryPause << n },
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

// notSent reports whether to repeat a request. It is true only for a request that failed and was certainly not
// sent, and only until the context ends.
func notSent(ctx context.Context, _ *http.Response, err error) (bool, error) {
	return err != nil && ctx.Err() == nil && !httpclient.TraceOf(ctx).MaybeSent(), nil
}

// maxIdleConns is the maximum number of idle connections: one for each worker that a daemon can have. Connections
// stay open for the next attempts, because a new connection takes longer than an attempt.
const maxIdleConns = 10_000

// newTransport returns a transport for one host that many workers call simultaneously.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return httpclient.NewTransport(dialer, maxIdleConns, 30*time.Second) // servers keep idle connections longer, so they do not close first
}
