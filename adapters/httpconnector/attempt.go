package httpconnector

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/keyseat/keyseat/internal/httpclient"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A requestBody depends on the task and its plan alone, so every attempt with the same plan sends the same bytes.
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
	b := requestBody{TaskID: o.Task, Kind: o.Kind, Country: o.Country}
	b.Account.Login, b.Account.Password = o.Account.Login.Reveal(), o.Account.Password.Reveal()
	switch o.Kind {
	case tasks.Upgrade:
		b.Plan = &plan{o.Plan.ID, o.Plan.Address, o.Plan.Invite}
	case tasks.Renew:
		b.Account.NewEmail, b.Account.NewPassword = o.Account.NewEmail.Reveal(), o.Account.NewPassword.Reveal()
	}
	return b
}

// A request that was not sent is repeated up to maxRetries times, after retryPause and then 2*retryPause. This is enough
// for a connection that the service has just closed, and for a service that restarts quickly.
const (
	maxRetries = 2
	retryPause = 50 * time.Millisecond
)

// newClient configures go-retryablehttp. The defaults of that package log URLs, repeat requests that may have taken
// effect, accept a Retry-After of any length, and discard the last response.
func newClient(transport http.RoundTripper) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient:   &http.Client{Transport: httpclient.Transport{RoundTripper: transport}, CheckRedirect: httpclient.NoRedirect},
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
	return httpclient.NewTransport(dialer, maxIdleConns, 30*time.Second) // servers keep idle connections longer than that, so the connector closes first
}

// interpret returns the result that a response means. It reads every body, so that the connection can be reused.
func interpret(ctx context.Context, r *http.Response) tasks.ConnectorResult {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxResponse+1))
	if err == nil && len(body) > maxResponse {
		err = unreadableError("is longer than 64 KiB")
	}
	result := tasks.ConnectorResult{Effect: effectOf(r.StatusCode), Note: "status " + strconv.Itoa(r.StatusCode)}
	if r.StatusCode == http.StatusOK {
		result = parseResult(ctx, body, err)
	}
	if result.Effect != tasks.Settled {
		result.RetryAfter = httpclient.RetryAfter(r.Header)
	}
	return result
}

// maxResponse is the maximum size of a response body, in bytes.
const maxResponse = 64 << 10

// effectOf returns the effect that a status other than 200 means.
func effectOf(status int) tasks.Effect {
	switch status {
	case http.StatusAccepted:
		return tasks.Pending
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return tasks.None // the service did nothing, and a later attempt may succeed
	}
	if status/100 == 4 {
		return tasks.Refused
	}
	return tasks.Unknown
}

// parseResult returns the result in the body of a response with status 200. err is the error of reading the body.
// If the body cannot be read, the effect is [tasks.Unknown].
func parseResult(ctx context.Context, body []byte, err error) tasks.ConnectorResult {
	var result struct {
		Outcome       tasks.Outcome `json:"outcome"`
		Username      string        `json:"username"`
		VerifyAddress string        `json:"verify_address"`
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // some services write a byte order mark
	if err == nil {
		if err = json.Unmarshal(body, &result); err != nil {
			err = unreadableReason(body, err)
		} else if result.Outcome == "" {
			err = unreadableError("has no outcome")
		}
	}
	if err != nil {
		return tasks.ConnectorResult{Effect: tasks.Unknown, Note: describeError(ctx, err)}
	}
	return tasks.ConnectorResult{
		Effect: tasks.Settled, Outcome: result.Outcome, Username: result.Username, VerifyAddress: result.VerifyAddress,
	}
}

// describeError describes an error without quoting it, because an error of net/http may quote the URL or the token.
func describeError(ctx context.Context, err error) string {
	unreadable, isUnreadable := errors.AsType[unreadableError](err)
	timeout, timedOut := errors.AsType[timeoutError](context.Cause(ctx))
	fault := httpclient.ServerFault(err)
	switch {
	case timedOut:
		return timeout.Error()
	case ctx.Err() != nil:
		return "cancelled"
	case isUnreadable:
		return unreadable.Error()
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case fault != "":
		return "the service's " + fault
	case httpclient.IsTimeout(err):
		return "no connection in time"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection lost"
	}
	return "connection failed"
}

type timeoutError time.Duration

func (t timeoutError) Error() string { return "no answer in " + time.Duration(t).String() }

// unreadableError is the reason why a response with status 200 cannot be read. It quotes nothing of the response,
// which may hold a secret.
type unreadableError string

func (u unreadableError) Error() string { return "status 200, the answer " + string(u) }

func unreadableReason(body []byte, err error) unreadableError {
	var kind *json.UnmarshalTypeError
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
		return "is empty"
	case body[0] == '<':
		return "is not JSON: it begins with <, as a page or a PHP notice does"
	case errors.As(err, &kind) && kind.Field == "":
		return "is JSON, but not an object"
	case errors.As(err, &kind):
		return "has a field that is not text"
	case json.NewDecoder(bytes.NewReader(body)).Decode(new(json.RawMessage)) == nil:
		return "is JSON with something after it"
	case strings.HasPrefix(err.Error(), "unexpected end"):
		return "is JSON that ends too early"
	}
	return "is not JSON"
}
