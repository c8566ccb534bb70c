package client_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"

	"github.com/keyseat/keyseat/daemon/client"
	"github.com/keyseat/keyseat/tasks"
)

// A wire is a transport without a network. It answers the n-th request with its n-th step, and all later
// requests with its last step.
type wire struct {
	steps []step

	mu   sync.Mutex
	sent []*http.Request
	body []string
}

// A step is the result of one request.
type step struct {
	status int // 0: no response
	header string
	body   string
	dial   error // the connection fails with this error
	cut    error // the connection fails with this error after the request was sent
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent, w.body = append(w.sent, r), append(w.body, string(body))
	s, trace := w.steps[min(len(w.sent), len(w.steps))-1], httptrace.ContextClientTrace(r.Context())
	trace.GetConn(r.Host)
	if s.dial != nil {
		return nil, s.dial
	}
	trace.GotConn(httptrace.GotConnInfo{})
	if s.status == 0 && s.cut == nil {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if trace.WroteHeaderField("Host", nil); s.status == 0 {
		return nil, s.cut
	}
	a := &http.Response{StatusCode: s.status, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(s.body))}
	if s.header != "" {
		name, value, _ := strings.Cut(s.header, ": ")
		a.Header.Set(name, value)
	}
	if s.cut != nil {
		a.Body = io.NopCloser(io.MultiReader(strings.NewReader(s.body), cut{s.cut}))
	}
	return a, nil
}

type cut struct{ error }

func (c cut) Read([]byte) (int, error) { return 0, c.error }

func open(t testing.TB, steps ...step) (*client.Client, *wire) {
	t.Helper()
	w := &wire{steps: steps}
	c, err := client.New("https://keys.example/below", client.Options{Transport: w})
	if err != nil {
		t.Fatal(err)
	}
	return c, w
}

func openAdmin(t testing.TB, steps ...step) (*client.Admin, *wire) {
	t.Helper()
	w := &wire{steps: steps}
	a, err := client.NewAdmin("https://keys.example", tasks.NewSecret(token), client.Options{Transport: w})
	if err != nil {
		t.Fatal(err)
	}
	return a, w
}

const (
	token = "canary-token-of-someone"
	code  = "CANARY-CODE"
)

var account = tasks.Account{
	Login: tasks.NewSecret("canary@login.example"), Password: tasks.NewSecret("canary password 1"),
	NewEmail: tasks.NewSecret("canary@email.example"), NewPassword: tasks.NewSecret("canary password 2"),
}

// checkErr checks that an error wraps each of the given errors, and no other one.
func checkErr(t *testing.T, what string, err error, all ...error) {
	t.Helper()
	for _, want := range all {
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, not %v", what, err, want)
		}
	}
	if len(all) == 0 && err != nil {
		t.Errorf("%s: %v", what, err)
	}
	known := false
	for _, want := range all {
		known = known || errors.Is(want, client.ErrUnknown)
	}
	if !known && errors.Is(err, client.ErrUnknown) {
		t.Errorf("%s: %v, though it is known", what, err)
	}
}
