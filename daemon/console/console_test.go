package console_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/console"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/stats"
)

const token = "a-token-of-ann-0001"

// A fixture is a console on a memory store with a controllable clock.
type fixture struct {
	*testing.T
	store   *memory.Store
	console http.Handler
	now     *time.Time
	tokens  *flakyTokens
	engine  tasks.Engine
}

// plain is a sealer that does not encrypt.
type plain struct{}

func (plain) Seal(text, _ []byte) ([]byte, error)   { return text, nil }
func (plain) Open(sealed, _ []byte) ([]byte, error) { return sealed, nil }

// flakyTokens are tokens that a test can make unreadable.
type flakyTokens struct {
	admin.TokenList
	fail bool
}

func (f *flakyTokens) Find(text string) (admin.Token, error) {
	if f.fail {
		return admin.Token{}, errors.New("the file cannot be read")
	}
	return f.TokenList.Find(text)
}

func newFixture(t *testing.T, change func(o *console.Options)) fixture {
	t.Helper()
	now := time.Date(2026, 11, 22, 19, 37, 0, 0, time.UTC)
	store := memory.New(func() time.Time { return now })
	tokens := &flakyTokens{TokenList: admin.TokenList{admin.NewToken("ann", admin.Write, token)}}
	engine := daemon.NewEngine(store, nil, plain{}, tasks.DefaultRules())
	engine.Pause = func(context.Context, time.Duration) error { return context.DeadlineExceeded }
	o := console.Options{
		API: &admin.API{Engine: engine, AdminStore: store, Activity: store, Tokens: tokens}, Tokens: tokens,
		Engine: engine, AdminStore: store, Activity: store, TaskStats: store,
		Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	change(&o)
	return fixture{t, store, console.New(o), &now, tokens, engine}
}

// send sends a request with the given cookie. With a form it is a POST request.
func (s fixture) send(path, cookie string, form url.Values) *httptest.ResponseRecorder {
	s.Helper()
	r := httptest.NewRequestWithContext(s.Context(), http.MethodGet, path, nil)
	if form != nil {
		r = httptest.NewRequestWithContext(s.Context(), http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Cookie", cookie)
	r.Header.Set("X-Forwarded-For", "198.51.100.7")
	w := httptest.NewRecorder()
	s.console.ServeHTTP(w, r)
	return w
}

func (s fixture) signIn() string {
	s.Helper()
	w := s.send("/console/signin", "", url.Values{"token": {token}})
	cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	if w.Code != http.StatusSeeOther || cookie == "" {
		s.Fatalf("%d %s", w.Code, w.Body)
	}
	return cookie
}

func (s fixture) get(code int, path, cookie string) string {
	s.Helper()
	w := s.send(path, cookie, nil)
	if w.Code != code {
		s.Errorf("%s: %d, want %d: %s", path, w.Code, code, w.Body)
	}
	return w.Body.String()
}

func TestSessionsEnd(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	idle, used := s.signIn(), s.signIn()
	for range 6 {
		*s.now = s.now.Add(119 * time.Minute)
		s.get(200, "/", used)
	}
	s.get(303, "/", idle)
	*s.now = s.now.Add(7 * time.Minute) // twelve hours and one minute after the sign-in
	s.get(303, "/", used)
	oldest := s.signIn()
	for range 1000 {
		s.signIn()
	}
	s.get(303, "/", oldest)
}

// TestRefreshDoesNotProlongSession checks that an open page, which loads itself again, does not keep its session.
func TestRefreshDoesNotProlongSession(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	cookie := s.signIn()
	refresh := func() int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Cookie", cookie)
		r.Header.Set("Keyseat-Refresh", "true")
		w := httptest.NewRecorder()
		s.console.ServeHTTP(w, r)
		return w.Code
	}
	for range 12 {
		*s.now = s.now.Add(10 * time.Minute)
		if code := refresh(); code != 200 {
			t.Fatalf("%d", code)
		}
	}
	*s.now = s.now.Add(10 * time.Minute)
	if code := refresh(); code != 303 {
		t.Errorf("after more than two idle hours: %d", code)
	}
}

// TestAuditLines checks that a sign-in, a page with a whole code and a sign-out are logged with the address of the
// browser behind a proxy, and that no page but that of the key shows a whole code.
func TestAuditLines(t *testing.T) {
	var log bytes.Buffer
	s := newFixture(t, func(o *console.Options) {
		o.Log = slog.New(slog.NewJSONHandler(&log, nil))
		o.API.(*admin.API).Log, o.API.(*admin.API).Proxies = o.Log, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		o.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	const code = "code-one-1"
	err := s.store.ImportKeys(t.Context(), adminstore.ImportBatch{ID: "b", Type: tasks.EventImported}, seq.All([]keys.Key{{Code: code, Status: keys.Active}}))
	if err != nil {
		t.Fatal(err)
	}
	cookie := s.signIn()
	list := s.get(200, "/console/keys", cookie)
	form := regexp.MustCompile(`name="form" value="(\w+)"`).FindStringSubmatch(list)[1]
	found := s.send("/console/keys", cookie, url.Values{"q": {code}, "form": {form}})
	page := s.get(200, found.Header().Get("Location"), cookie)
	reference := strings.TrimPrefix(found.Header().Get("Location"), "/console/key?key=")
	if strings.Contains(list, code) || !strings.Contains(list, "…-1") || !strings.Contains(page, code) || strings.Contains(reference, code) {
		t.Errorf("%s\n%s\n%s", list, page, reference)
	}
	s.send("/console/key/revoke", cookie, url.Values{"key": {reference}, "form": {form}})
	s.send("/console/signout", cookie, url.Values{"form": {form}})
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	want := []string{`"action":"sign in"`, `"action":"show key"`, `"action":"POST /admin/v1/keys/{code}/revoke"`, `"action":"sign out"`}
	if len(lines) != len(want) {
		t.Fatalf("the log is %s", log.String())
	}
	for i, line := range lines {
		if !strings.Contains(line, want[i]) || !strings.Contains(line, `"token":"ann"`) || !strings.Contains(line, `"client":"198.51.100.7"`) || strings.Contains(line, code) {
			t.Errorf("%s", line)
		}
	}
}

// TestCookieOverTLS checks that a cookie of a session over TLS belongs to this host only.
func TestCookieOverTLS(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/console/signin", strings.NewReader("token="+token))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Forwarded-Proto", "https")
	w := httptest.NewRecorder()
	s.console.ServeHTTP(w, r)
	cookie := w.Header().Get("Set-Cookie")
	if !strings.HasPrefix(cookie, "__Host-keyseat_console=") || !strings.Contains(cookie, "; Path=/;") || !strings.Contains(cookie, "; Secure") || strings.Contains(cookie, "Domain") {
		t.Errorf("%s", cookie)
	}
	for proto, want := range map[string]int{"https": 200, "http": 303} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Cookie", cookie)
		r.Header.Set("X-Forwarded-Proto", proto)
		w := httptest.NewRecorder()
		if s.console.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%s: %d", proto, w.Code)
		}
	}
}

// TestErrorPages checks that an error page does not contain the internal error, and that it lets nobody sign in.
func TestErrorPages(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	cookie := s.signIn()
	s.tokens.fail = true
	if page := s.get(503, "/", cookie); strings.Contains(page, "the file cannot be read") || strings.Contains(page, "Sign out") {
		t.Error(page)
	}
	if w := s.send("/console/signin", "", url.Values{"token": {token}}); w.Code != 503 || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	failing := newFixture(t, func(o *console.Options) { o.AdminStore = failingStore{o.AdminStore} })
	failing.get(503, "/", failing.signIn())
	panics := newFixture(t, func(o *console.Options) { o.AdminStore = nil })
	if page := panics.get(503, "/console/plans", panics.signIn()); strings.Contains(page, "nil pointer") {
		t.Error(page)
	}
}

type failingStore struct{ adminstore.AdminStore }

func (failingStore) QueueStats(context.Context) (stats.Queue, error) {
	return stats.Queue{}, errors.New("postgres://secret")
}

// TestOverviewWithoutStatistics checks that the overview works without task statistics and without connector
// statistics.
func TestOverviewWithoutStatistics(t *testing.T) {
	s := newFixture(t, func(o *console.Options) { o.TaskStats = nil })
	page := s.get(200, "/", s.signIn())
	if strings.Contains(page, "data-chart") || !strings.Contains(page, "No task ended with its first attempt.") {
		t.Error(page)
	}
}
