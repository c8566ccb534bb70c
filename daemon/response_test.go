package daemon_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// failingStore is a store that fails or panics on a read.
type failingStore struct {
	tasks.Store
	panics bool
}

func (b failingStore) Find(context.Context, []keys.Code) ([]keys.Key, error) {
	if b.panics {
		panic("a secret")
	}
	return nil, errors.New("away")
}

// TestDocumentedStatus checks that with DocumentedStatus the API's answers have the status 200, and are otherwise the
// same. Answers at other paths keep their status.
func TestDocumentedStatus(t *testing.T) {
	f := newFixture(t)
	f.engine.Rules.KeyTasks = 1
	f.importKeys(keys.Key{Code: "K"}, keys.Key{Code: "R", Status: keys.Success, Used: true})
	long := strings.Repeat("x", 17<<10)
	plain := func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }
	large := func(r *http.Request) { r.Header.Set("X-Long", long) }
	inside := func(r *http.Request) { *r = *r.WithContext(daemon.WithRealStatus(r.Context())) }
	fails := func(api *daemon.API) {
		api.Engine.Store, api.Engine.Pause = failingStore{}, func(context.Context, time.Duration) error { return nil }
	}
	for _, c := range []struct {
		method, target, body string
		code                 int
		edit                 func(*http.Request)
		with                 func(*daemon.API)
	}{
		{"GET", "/API/", "", 400, nil, nil},
		{"GET", "/API", "", 400, nil, nil},
		{"GET", "/API/?info=%zz", "", 400, nil, nil},
		{"POST", "/API/", "info=%zz", 400, nil, nil},
		{"GET", "/API/info?info=K", "", 404, nil, nil},
		{"DELETE", "/API/?info=K", "", 405, nil, nil},
		{"HEAD", "/API/?upgrade=K", "", 405, nil, nil},
		{"POST", "/API/", "info=" + long, 413, nil, nil},
		{"GET", "/API/?info=" + long, "", 414, nil, nil},
		{"POST", "/API/?stock", "info=K", 415, plain, nil},
		{"GET", "/API/?stock", "", 431, large, nil},
		{"GET", "/API/?info=none", "", 429, nil, func(api *daemon.API) { api.UnknownKeyLimiter = blockAll(t) }},
		{"GET", "/API?info=K", "", 503, nil, fails},
		{"GET", "/API/?info=K", "", 503, nil, func(api *daemon.API) { api.Engine.Store = failingStore{panics: true} }},
		{"GET", "/API/?stock", "", 503, nil, (*daemon.API).Stop},
		{"GET", "/API/?info=K", "", 200, nil, nil},
		{"GET", "/API/?info=none", "", 200, nil, nil},
	} {
		send := func(status daemon.HTTPStatus, edits ...func(*http.Request)) *httptest.ResponseRecorder {
			f.api = &daemon.API{Engine: f.engine, HTTPStatus: status, UnknownKeyLimiter: daemon.NoUnknownKeyLimit}
			if c.with != nil {
				c.with(f.api)
			}
			if c.edit != nil {
				edits = append(edits, c.edit)
			}
			return f.send(c.method, c.target, c.body, edits...)
		}
		want, got := send(""), send(daemon.DocumentedStatus)
		for _, r := range []*httptest.ResponseRecorder{want, got} {
			r.Header().Del("X-Request-Id")
		}
		if want.Code != c.code || got.Code != 200 || got.Body.String() != want.Body.String() || !maps.EqualFunc(got.Header(), want.Header(), slices.Equal) {
			t.Errorf("%s %.40s: %d %v %s, not as %d %v %s", c.method, c.target, got.Code, got.Header(), got.Body, want.Code, want.Header(), want.Body)
		}
		if r := send(daemon.DocumentedStatus, inside); r.Code != c.code {
			t.Errorf("%s %.40s: %d for a handler in the process", c.method, c.target, r.Code)
		}
		if r := send(daemon.RealStatus); r.Code != c.code {
			t.Errorf("%s %.40s: %d", c.method, c.target, r.Code)
		}
	}
	f.api = &daemon.API{Engine: f.engine, HTTPStatus: daemon.DocumentedStatus}
	for _, path := range []string{"/", "/API2/", "/api/", "/APIs"} {
		if r := f.send("GET", path, ""); r.Code != 404 {
			t.Errorf("%s: %d", path, r.Code)
		}
	}
}

// blockAll returns a limiter that blocks the address of the test requests.
func blockAll(t *testing.T) *ratelimit.Limiter {
	limiter, err := ratelimit.New(1, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	limiter.Record(t.Context(), netip.MustParseAddr("192.0.2.1"))
	return limiter
}

// TestDocumentedStatusOfUnparsableRequests checks the errors that net/http writes itself.
func TestDocumentedStatusOfUnparsableRequests(t *testing.T) {
	f := newFixture(t)
	f.api.HTTPStatus = daemon.DocumentedStatus
	address := f.serve(0)
	for _, request := range []string{
		"GET /API/?info=a b HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /API/?stock HTTP/1.1\r\n\r\n",
		"GET /API/?stock HTTP/9.9\r\nHost: x\r\n\r\n",
		"POST /API/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
		"GET /API/ HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 64<<10),
		"GET /API/ HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 20<<10) + "\r\n\r\n",
		"POST /API/ HTTP/1.1\r\nHost: x\r\nExpect: more\r\nContent-Length: 5\r\n\r\nstock",
	} {
		p := newFixture(t).connect(address)
		p.send(request)
		if code, body := p.receive(); code != 200 || !strings.HasPrefix(body, `{"status":"error","message":"`) {
			t.Errorf("%.40q: %d %s", request, code, body)
		}
	}
}
