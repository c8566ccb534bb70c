// Package client is a client of a keyseat daemon, for shops and programs written in Go.
//
//	New      ──▶ Client   info, upgrade, renew, stock     for a program that has keys
//	NewAdmin ──▶ Admin    keys, plans, tasks, stock       for the operator's programs, with a token
//
// A [Client] makes the calls of the public API, an [Admin] makes the calls of the admin API. The daemon carries
// out an accepted upgrade or renew later. [Client.Wait] returns when the upgrade or renew has ended:
//
//	err := shop.Upgrade(ctx, code, account, "US")
//	if errors.Is(err, tasks.KeyUsed) {
//		// renew it first
//	}
//	info, err := shop.Wait(ctx, code)
//
// The types of the admin API, such as [Key] and [Task], are those of package view. Their times are of the type [Time],
// which embeds a [time.Time]:
//
//	if key.UsedDate.IsZero() || key.UsedDate.Before(lastYear) {
//		// the key is not used, or was used long ago
//	}
//
// # Errors
//
// Use [errors.Is] and [errors.As] to distinguish errors:
//
//	a refusal of the API         a tasks.Refusal, such as tasks.KeyUsed; any refusal: *RefusedError
//	a problem of the admin API   a Code, such as TaskOpen; any problem: *Problem
//	retry later                  *RetryLaterError: 429 or 503, with the time to wait; also from a
//	                             daemon with --http-status documented, which sends them as 200
//	any other status             *StatusError
//	no response                  ErrNoResponse; also context.DeadlineExceeded if that is the reason
//	an invalid response          ErrInvalidResponse
//	perhaps carried out          ErrUnknown, together with one of the errors above
//
// # Automatic repetition
//
// The client repeats reads a few times. The pauses grow, or have the length that the daemon requests. It also
// repeats [Admin.Issue], because an idempotency key makes the repetition safe.
//
// The client repeats any other request that changes data in two cases only:
//
//   - It certainly sent no part of the request.
//   - The response is a 429, which says that the daemon stored nothing.
//
// If neither is the case and the effect is not known, the error is [ErrUnknown]. For example, a 503 can follow
// a request that was stored: if the database fails during the request, the database may have kept the data.
//
// # Secrets
//
// Requests are forms and JSON in bodies. Only the admin API has key codes in URLs.
//
// No error contains a URL, sent data, or an unknown text of a response. The only exceptions are the problems of
// the admin API, because no account is ever sent to that API.
//
// The client does not follow redirects, because a redirect could send secrets to another server.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A Client makes the four calls of the API: info, stock, upgrade and renew. It is safe for concurrent use.
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

// Info returns the state of a key. The code may have any spelling that its holder typed. If the key does not exist or
// is revoked, the error is [tasks.UnknownKey].
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

// Upgrade requests that the account joins a plan in the country (an ISO 3166-1 alpha-2 code). If Upgrade returns nil,
// the daemon has stored the request and carries it out within a few minutes: see [Client.Wait].
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

// Renew requests that a key becomes usable again after its account has lost its place in a plan. The account may have a
// new email and a new password. The country is the country of the new account, so it may be empty if there is no new
// email. Renew returns the same errors as [Client.Upgrade], but the API refuses a second request with [tasks.RenewOpen]
// or [tasks.KeyUnused].
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

// The pauses between two polls of a key. Each pause is 1.5 times as long as the pause before, because a task that has
// taken long will probably take longer.
const (
	firstPoll = 200 * time.Millisecond
	lastPoll  = 5 * time.Second
)

// Wait calls Info until no upgrade or renew of the key is open, and returns the last info. [Info.Outcome]
// returns how the task ended.
//
// Use a context with a deadline, because a task may take a quarter of an hour. If the context ends, Wait returns the error
// of the context and the latest info. Wait continues after [ErrNoResponse] and after a [RetryLaterError]. It returns any
// other error.
func (c *Client) Wait(ctx context.Context, code keys.Code) (Info, error) {
	var last Info
	for pause := firstPoll; ; pause = min(pause*3/2, lastPoll) {
		info, err := c.Info(ctx, code)
		retryLater, isRetryLater := errors.AsType[*RetryLaterError](err)
		switch {
		case err == nil && !info.Open():
			return info, nil
		case err == nil:
			last = info
		case isRetryLater:
			pause = max(pause, retryLater.RetryAfter)
		case !errors.Is(err, ErrNoResponse):
			return info, err
		}
		if err := clock.Sleep(ctx, pause); err != nil {
			return last, err
		}
	}
}

// formRequest returns a request whose parameters are a form in the body. The URL contains no parameter, because proxies
// and logs record URLs.
func formRequest(form url.Values) request {
	return request{
		method: http.MethodPost, path: "API/",
		contentType: "application/x-www-form-urlencoded", body: []byte(form.Encode()),
	}
}
