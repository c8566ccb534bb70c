package connectortest

import (
	"bytes"
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

// A message is the body of a request.
type message struct {
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

// receive reads a request. If the request is invalid, receive returns the error and the part that it has read.
func receive(r *http.Request) (Request, error) {
	q := Request{Path: r.URL.RequestURI(), Header: r.Header.Clone()}
	var err error
	if q.Body, err = io.ReadAll(io.LimitReader(r.Body, maxBody)); err != nil {
		return q, errors.New("the body was cut")
	}
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		return q, fmt.Errorf("%s with content type %q", r.Method, r.Header.Get("Content-Type"))
	}
	var m message
	d := json.NewDecoder(bytes.NewReader(q.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return q, errors.New("the body is not the JSON that it should be")
	}
	q.Content = m.order()
	return q, q.headers(m)
}

func (m message) order() tasks.ConnectorRequest {
	o := tasks.ConnectorRequest{Task: m.TaskID, Kind: m.Kind, Country: m.Country, Account: tasks.Account{
		Login:       tasks.NewSecret(m.Account.Login),
		Password:    tasks.NewSecret(m.Account.Password),
		NewEmail:    tasks.NewSecret(m.Account.NewEmail),
		NewPassword: tasks.NewSecret(m.Account.NewPassword),
	}}
	if m.Plan != nil {
		o.Plan = tasks.PlanSnapshot{ID: m.Plan.ID, Address: m.Plan.Address, Invite: m.Plan.Invite}
	}
	return o
}

// headers adds the values in the headers to q.Content, and checks that they match the body.
func (q *Request) headers(m message) (err error) {
	o := &q.Content
	if o.Attempt, err = strconv.Atoi(q.Header.Get("Keyseat-Attempt")); err != nil || o.Attempt < 1 {
		return fmt.Errorf("%s: Keyseat-Attempt is no count", q.Key())
	}
	o.Ordinal, err = strconv.Atoi(strings.TrimPrefix(q.Key(), m.TaskID+"-"))
	switch {
	case err != nil || o.Ordinal < 1 || q.Key() != o.IdempotencyKey():
		return fmt.Errorf("the key %q is not the task id and an ordinal", q.Key())
	case q.Path != "/"+string(m.Kind):
		return fmt.Errorf("%s: a task of the kind %q was sent to %s", q.Key(), m.Kind, q.Path)
	case m.Kind == tasks.Upgrade && (m.Plan == nil || m.Country == ""):
		return fmt.Errorf("%s: an upgrade without a plan or a country", q.Key())
	case m.Kind == tasks.Renew && (m.Plan != nil || o.Ordinal != 1):
		return fmt.Errorf("%s: a renew with a plan", q.Key())
	}
	return nil
}
