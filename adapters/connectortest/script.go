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
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A step is the response to one attempt.
type step struct {
	misbehavior misbehavior // nil: a good response
	arg         string
	after       bool // the work is done before the response
	outcome     tasks.Outcome
}

// scriptOf returns the part of a login that has the words for one plan. The task's first plan has the ordinal 1.
func scriptOf(login string, ordinal int) string {
	local, _, _ := strings.Cut(login, "@")
	plans := strings.Split(local, ".")
	return plans[min(ordinal, len(plans))-1]
}

// parseStep returns the step for the n-th attempt, from 1. The script has one word for each attempt.
func parseStep(script string, n int) step {
	words := strings.Split(script, "+")
	word, arg, _ := strings.Cut(words[min(n, len(words))-1], "=")
	name, after := strings.CutSuffix(word, "_after")
	next := step{arg: arg, after: after, outcome: outcomeOf(words[len(words)-1])}
	if status, err := strconv.Atoi(name); err == nil && status >= 200 && status <= 999 {
		next.misbehavior = withStatus(status)
	} else {
		next.misbehavior = misbehaviors[name]
	}
	return next
}

// outcomeOf returns the outcome that a word names, or success.
func outcomeOf(word string) tasks.Outcome {
	o := tasks.Outcome(word)
	if slices.ContainsFunc(tasks.Kinds(), o.Fits) {
		return o
	}
	return tasks.Success
}

// A misbehavior writes a response that a client must be able to handle. If the function returns true, the good response
// follows.
type misbehavior func(w http.ResponseWriter, r *http.Request, arg string) bool

var misbehaviors = map[string]misbehavior{
	"cut":         cut,
	"silent":      silent,
	"slow":        slow,
	"drip":        drip,
	"huge":        huge,
	"truncated":   truncated,
	"redirect":    redirect,
	"html":        withBody("<html><body>We will be back soon</body></html>"),
	"empty":       withBody(""),
	"no_outcome":  withBody(`{"username":"nobody"}`),
	"odd_outcome": withBody(`{"outcome":"eaten_by_bears"}`),
}

// withStatus responds with a status. The argument of the word, if not empty, is the header Retry-After.
func withStatus(status int) misbehavior {
	return func(w http.ResponseWriter, _ *http.Request, retryAfter string) bool {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
		return false
	}
}

func withBody(body string) misbehavior {
	return func(w http.ResponseWriter, _ *http.Request, _ string) bool {
		_, _ = io.WriteString(w, body)
		return false
	}
}

func cut(http.ResponseWriter, *http.Request, string) bool { panic(http.ErrAbortHandler) }

func silent(_ http.ResponseWriter, r *http.Request, _ string) bool {
	<-r.Context().Done()
	return cut(nil, nil, "")
}

func slow(_ http.ResponseWriter, r *http.Request, arg string) bool {
	ms, _ := strconv.Atoi(arg)
	return clock.Sleep(r.Context(), time.Duration(ms)*time.Millisecond) == nil
}

func drip(w http.ResponseWriter, r *http.Request, _ string) bool {
	for clock.Sleep(r.Context(), time.Second) == nil {
		_, _ = io.WriteString(w, " ")
		_ = http.NewResponseController(w).Flush()
	}
	return false
}

func huge(w http.ResponseWriter, _ *http.Request, _ string) bool {
	const pieces = 160
	piece := strings.Repeat("a", 10<<20/pieces)
	_, err := io.WriteString(w, `{"outcome":"success","username":"`)
	for i := 0; i < pieces && err == nil; i++ { // a client that has read enough closes the connection
		_, err = io.WriteString(w, piece)
	}
	_, _ = io.WriteString(w, `"}`)
	return false
}

func truncated(w http.ResponseWriter, _ *http.Request, _ string) bool {
	w.Header().Set("Content-Length", "40")
	_, _ = io.WriteString(w, `{"outcome":"success"`)
	_ = http.NewResponseController(w).Flush()
	return cut(nil, nil, "")
}

func redirect(w http.ResponseWriter, r *http.Request, _ string) bool {
	http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	return false
}

// A Request is one attempt, as the [Provider] received it.
type Request struct {
	Path    string
	Header  http.Header
	Body    []byte
	Content tasks.ConnectorRequest // the content of the body, with the ordinal and the attempt from the headers
}

// Key returns the idempotency key in the header of the request.
func (q Request) Key() string { return q.Header.Get("Idempotency-Key") }

func (q Request) hash() string {
	sum := sha256.Sum256(q.Body)
	return hex.EncodeToString(sum[:])
}

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
	Plan *tasks.PlanSnapshot `json:"plan"` // in JSON, the names of its fields are in lower case, which encoding/json accepts
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
		r.Plan = *b.Plan
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
