package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A Client makes the four calls of the API. It is safe for concurrent use.
type Client struct{ transport *transport }

// maxResponse is the maximum size of a response of the API, in bytes. The response of stock with every
// country has a quarter of this size.
const maxResponse = 64 << 10

// New returns a client of the daemon whose API is at /API/ below base. An example of a base is
// https://keys.example. New sends no request.
func New(base string, o Options) (*Client, error) {
	t, err := newTransport(base, tasks.Secret{}, maxResponse, statusErr, o)
	return &Client{t}, err
}

// Info returns the state of a key. The code can be as its holder typed it. If the key does not exist or is
// revoked, the error is [tasks.UnknownKey].
func (c *Client) Info(ctx context.Context, code keys.Code) (info Info, err error) {
	err = c.transport.send(ctx, formRequest(url.Values{"info": {string(code)}}), func(r response) error {
		info, err = parseInfo(r.body)
		return err
	})
	return info, err
}

// Stock lists the countries that have a free slot, sorted by name.
func (c *Client) Stock(ctx context.Context) (all []CountryStock, err error) {
	err = c.transport.send(ctx, formRequest(url.Values{"stock": {""}}), func(r response) error {
		if json.Unmarshal(r.body, &all) != nil || all == nil || slices.ContainsFunc(all, CountryStock.invalid) {
			return ErrInvalidResponse
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

func (s CountryStock) invalid() bool { return s.Code == "" || s.Slots < 1 }

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
	q := formRequest(form)
	q.notRepeatable = true
	return c.transport.send(ctx, q, func(r response) error { return parseStatus(r.body) })
}

// formRequest returns a call whose parameters are a form in the body. The URL contains no value, because proxies
// and logs record URLs.
func formRequest(form url.Values) request {
	return request{
		method: http.MethodPost, path: "API/",
		contentType: "application/x-www-form-urlencoded", body: []byte(form.Encode()),
	}
}
