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

// A Client makes the four calls of the API. Any number of goroutines may use it at once.
type Client struct{ line *line }

// maxAnswer bounds an answer of the API, in bytes: that of stock, with every country, is a quarter of it.
const maxAnswer = 64 << 10

// New makes a client of the daemon whose API is at /API/ below that base, such as
// https://keys.example. Nothing is sent yet.
func New(base string, o Options) (*Client, error) {
	l, err := newLine(base, tasks.Secret{}, maxAnswer, status, o)
	return &Client{l}, err
}

// Info asks how a key stands. A code may be as its holder typed it. One that does not exist, or was
// revoked, is [tasks.UnknownKey].
func (c *Client) Info(ctx context.Context, code keys.Code) (info Info, err error) {
	err = c.line.send(ctx, call(url.Values{"info": {string(code)}}), func(r reply) error {
		info, err = readInfo(r.body)
		return err
	})
	return info, err
}

// Stock lists the countries with a free slot, by name.
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
	Country string        `json:"country"` // its name in English
	Code    stock.Country `json:"country_code"`
	Slots   int           `json:"slots"` // at least 1
}

func (s CountryStock) strange() bool { return s.Code == "" || s.Slots < 1 }

// Upgrade asks to put the account into a plan in that country (its ISO 3166-1 alpha-2 code). When it
// returns nil the request is stored, and is carried out in a few minutes: see [Client.Wait].
//
// The error is a [*RefusedError], whose reason is a [tasks.Refusal], if the API refuses. With
// [ErrUnknown] the request may have been stored, or may be within the next seconds: ask [Client.Info]
// after that. A key that is in_queue by then has been accepted; one that is as it was before has not,
// and the request can be made again. Should it have been stored after all, nothing is done twice:
// the second request is refused with [tasks.UpgradeOpen] or [tasks.KeyUsed].
func (c *Client) Upgrade(ctx context.Context, code keys.Code, account tasks.Account, country string) error {
	return c.change(ctx, tasks.Upgrade, code, account, country)
}

// Renew asks to make the key of an account that has lost its place usable again. The account's new
// email and new password are sent if they are given. The country may be empty if there is no new email,
// because it is the country of the new account. Renew returns as [Client.Upgrade] does; a second request is refused with
// [tasks.RenewOpen] or [tasks.KeyUnused].
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

// call is a call as a form: what it says stands in no URL, where proxies and logs would see it.
func call(form url.Values) message {
	return message{
		method: http.MethodPost, path: "API/",
		kind: "application/x-www-form-urlencoded", body: []byte(form.Encode()),
	}
}

// A verdict is the body of every answer but those of info and stock.
type verdict struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// status says what an answer means whose status is not 2xx.
func status(r reply) error {
	if l := r.later(); l != nil {
		return l
	}
	var v verdict
	_ = json.Unmarshal(r.body, &v) // what is none has no message
	return &StatusError{r.status, v.Message}
}

// later is when a reply asks to come back, or nil.
func (r reply) later() *RetryLaterError {
	if r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable {
		return &RetryLaterError{r.status, retryAfter(r.header)}
	}
	return nil
}
