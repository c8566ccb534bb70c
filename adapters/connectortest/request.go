package connectortest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A Request is one attempt, as the [Provider] received it.
type Request struct {
	Path    string
	Header  http.Header
	Body    []byte
	Content tasks.ConnectorRequest // the content of the body, with the ordinal and the attempt from the headers
}

// Key returns the idempotency key in the header of the request.
func (q Request) Key() string { return q.Header.Get("Idempotency-Key") }

// hash returns the SHA-256 of the body, in hexadecimal.
func (q Request) hash() string {
	sum := sha256.Sum256(q.Body)
	return hex.EncodeToString(sum[:])
}

// A requestBody is the JSON body of a request.
type requestBody struct {
	TaskID  string        `json:"task_id"`
	Kind    tasks.Kind    `json:"kind"`
	Country stock.Country `json:"country"`
	Account struct {
		Login       string `json:"login"`
		Password    string `json:"password"`
		NewEmail    string `json:"new_email"`
		NewPassword string `json:"new_password"`
	} `json:"account"`
	Plan *struct {
		ID      string `json:"id"`
		Address string `json:"address"`
		Invite  string `json:"invite"`
	} `json:"plan"`
}

// maxBody is the maximum size of a body, in bytes. It is larger than any valid request.
const maxBody = 64 << 10

// parseRequest reads a request. If the request is invalid, parseRequest returns the error and what it has parsed.
func parseRequest(r *http.Request) (Request, error) {
	q := Request{Path: r.URL.RequestURI(), Header: r.Header.Clone()}
	var err error
	if q.Body, err = io.ReadAll(io.LimitReader(r.Body, maxBody)); err != nil {
		return q, errors.New("the body is incomplete")
	}
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		return q, fmt.Errorf("%s with content type %q", r.Method, r.Header.Get("Content-Type"))
	}
	var b requestBody
	d := json.NewDecoder(bytes.NewReader(q.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return q, errors.New("the body is not the JSON of a request")
	}
	q.Content = b.content()
	return q, q.parseHeaders(b)
}

func (b requestBody) content() tasks.ConnectorRequest {
	r := tasks.ConnectorRequest{Task: b.TaskID, Kind: b.Kind, Country: b.Country, Account: tasks.Account{
		Login:       tasks.NewSecret(b.Account.Login),
		Password:    tasks.NewSecret(b.Account.Password),
		NewEmail:    tasks.NewSecret(b.Account.NewEmail),
		NewPassword: tasks.NewSecret(b.Account.NewPassword),
	}}
	if b.Plan != nil {
		r.Plan = tasks.PlanSnapshot{ID: b.Plan.ID, Address: b.Plan.Address, Invite: b.Plan.Invite}
	}
	return r
}

// parseHeaders adds the values in the headers to q.Content, and checks that they match the body.
func (q *Request) parseHeaders(b requestBody) (err error) {
	c := &q.Content
	if c.Attempt, err = strconv.Atoi(q.Header.Get("Keyseat-Attempt")); err != nil || c.Attempt < 1 {
		return fmt.Errorf("%s: Keyseat-Attempt is not a positive number", q.Key())
	}
	c.Ordinal, err = strconv.Atoi(strings.TrimPrefix(q.Key(), b.TaskID+"-"))
	switch {
	case err != nil || c.Ordinal < 1 || q.Key() != c.IdempotencyKey():
		return fmt.Errorf("the key %q is not the task id and an ordinal", q.Key())
	case q.Path != "/"+string(b.Kind):
		return fmt.Errorf("%s: a task of kind %q was sent to %s", q.Key(), b.Kind, q.Path)
	case b.Kind == tasks.Upgrade && (b.Plan == nil || b.Country == ""):
		return fmt.Errorf("%s: an upgrade without a plan or a country", q.Key())
	case b.Kind == tasks.Renew && (b.Plan != nil || c.Ordinal != 1):
		return fmt.Errorf("%s: a renew with a plan", q.Key())
	}
	return nil
}
