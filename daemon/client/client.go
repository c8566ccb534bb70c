package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"github.com/keyseat/keyseat/internal/httputil"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A Client makes the four calls of the API. It is safe for concurrent use.
type Client struct{ line *line }

// maxAnswer is the maximum size of a response of the API, in bytes. The response of stock with every
// country has a quarter of this size.
const maxAnswer = 64 << 10

// New returns a client of the daemon whose API is at /API/ below base. An example of a base is
// https://keys.example. New sends no request.
func New(base string, o Options) (*Client, error) {
	l, err := newLine(base, tasks.Secret{}, maxAnswer, status, o)
	return &Client{l}, err
}

// Info returns the state of a key. The code can be as its holder typed it. If the key does not exist or is
// revoked, the error is [tasks.UnknownKey].
func (c *Client) Info(ctx context.Context, code keys.Code) (info Info, err error) {
	err = c.line.send(ctx, call(url.Values{"info": {string(code)}}), func(r reply) error {
		info, err = readInfo(r.body)
		return err
	})
	return info, err
}

// Stock lists the countries that have a free slot, sorted by name.
func (c *Client) Stock(ctx context.Context) (all []CountryStock, err error) {
	err = c.line.send(ctx, call(url.Values{"stock": {""}}), func(r reply) error {
		if json.Unmarshal(r.body, &all) != nil || all == nil || slices.ContainsFunc(all, CountryStock.strange) {
			return ErrAnswer
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// A CountryStock is a country with free slots.
type CountryStock struct {
	Country string        `json:"country"` // the English name
	Code    stock.Country `json:"country_code"`
	Slots   int           `json:"slots"` // the number of free slots, at least 1
}

func (s CountryStock) strange() bool { return s.Code == "" || s.Slots < 1 }

// Upgrade requests that the account joins a plan in the country (an ISO 3166-1 alpha-2 code). If Upgrade
// returns nil, the daemon has stored the request and carries it out within a few minutes: see
// [Client.Wait].
//
// If the API refuses the request, the error is a [*RefusedError] that wraps a [tasks.Refusal].
//
// If the error is [ErrUnknown], the daemon may have stored the request, or may store it within the next
// seconds. Wait for some seconds and call [Client.Info]:
//
//   - If the key is in_queue, the daemon has accepted the request.
//   - If the key is unchanged, the daemon has not accepted the request. Make the call again.
//
// If the daemon has stored the first request after all, nothing happens twice. The API refuses the second
// request with [tasks.UpgradeOpen] or [tasks.KeyUsed].
func (c *Client) Upgrade(ctx context.Context, code keys.Code, account tasks.Account, country string) error {
	return c.change(ctx, tasks.Upgrade, code, account, country)
}

// Renew requests that a key becomes usable again after its account has lost its place in a plan. New email
// and new password of the account are sent if they are set. The country is the country of the new account,
// so it may be empty if there is no new email. Renew returns the same errors as [Client.Upgrade], but the
// API refuses a second request with [tasks.RenewOpen] or [tasks.KeyUnused].
func (c *Client) Renew(ctx context.Context, code keys.Code, account tasks.Account, country string) error {
	return c.change(ctx, tasks.Renew, code, account, country)
}

func (c *Client) change(ctx context.Context, kind tasks.Kind, code keys.Code, a tasks.Account, country string) error {
	form := url.Values{string(kind): {string(code)}, "login": {a.Login.Reveal()}, "pwd": {a.Password.Reveal()}}
	optional := map[string]string{"country": country}
	if kind == tasks.Renew {
		optional["newemail"], optional["newpwd"] = a.NewEmail.Reveal(), a.NewPassword.Reveal()
	}
	for name, value := range optional {
		if value != "" {
			form.Set(name, value)
		}
	}
	m := call(form)
	m.once = true
	return c.line.send(ctx, m, func(r reply) error { return readVerdict(r.body) })
}

// call returns a request with the call as a form in the body. The URL contains no value, because proxies
// and logs record URLs.
func call(form url.Values) message {
	return message{
		method: http.MethodPost, path: "API/",
		kind: "application/x-www-form-urlencoded", body: []byte(form.Encode()),
	}
}

// A verdict is the body of every response except those of info and stock.
type verdict struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// status returns the error for a response whose status is not 2xx.
func status(r reply) error {
	if l := r.later(); l != nil {
		return l
	}
	var v verdict
	_ = json.Unmarshal(r.body, &v) // another body has no message
	return &StatusError{r.status, v.Message}
}

// later returns the error for a response that asks the client to retry later, or nil for any other
// response.
func (r reply) later() *RetryLaterError {
	if r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable {
		return &RetryLaterError{r.status, httputil.RetryAfter(r.header)}
	}
	return nil
}
