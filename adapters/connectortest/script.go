package connectortest

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/tasks"
)

// A script is the list of words for the attempts of one key, one word for each attempt.
type script []string

// A step is the response to one attempt.
type step struct {
	misbehavior misbehavior // nil: a good response
	arg         string
	after       bool // the work is done before the response
	outcome     tasks.Outcome
}

// parseScript returns the script in a login for the plan with that ordinal, from 1.
func parseScript(login string, ordinal int) script {
	local, _, _ := strings.Cut(login, "@")
	plans := strings.Split(local, ".")
	return strings.Split(plans[min(ordinal, len(plans))-1], "+")
}

// step returns the step for the n-th attempt, from 1.
func (s script) step(n int) step {
	word, arg, _ := strings.Cut(s[min(n, len(s))-1], "=")
	name, after := strings.CutSuffix(word, "_after")
	next := step{arg: arg, after: after, outcome: s.outcome()}
	if status, err := strconv.Atoi(name); err == nil && status >= 200 && status <= 999 {
		next.misbehavior = withStatus(status)
	} else {
		next.misbehavior = misbehaviors[name]
	}
	return next
}

// outcome returns the outcome that the last word names, or success.
func (s script) outcome() tasks.Outcome {
	for _, kind := range tasks.Kinds() {
		if o := tasks.Outcome(s[len(s)-1]); o.Fits(kind) {
			return o
		}
	}
	return tasks.Success
}

// A misbehavior responds to a request in a way that a client must expect. If it returns true, the good response
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

// withStatus responds with a status. If its argument is not empty, the argument is the header Retry-After.
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
