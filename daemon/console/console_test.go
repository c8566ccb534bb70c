package console_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/console"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/stats"
)

const token = "a-token-of-ann-0001"

// A shop is a console on a memory store with a controllable clock.
type shop struct {
	*testing.T
	store   *memory.Store
	console http.Handler
	now     *time.Time
	tokens  *flaky
}

// flaky is a set of tokens that a test can make unreadable.
type flaky struct {
	admin.TokenList
	away bool
}

func (f *flaky) Find(text string) (admin.Token, error) {
	if f.away {
		return admin.Token{}, errors.New("the file is away")
	}
	return f.TokenList.Find(text)
}

func open(t *testing.T, change func(o *console.Options)) shop {
	t.Helper()
	now := time.Date(2026, 11, 22, 19, 37, 0, 0, time.UTC)
	store := memory.New(func() time.Time { return now })
	tokens := &flaky{TokenList: admin.TokenList{admin.NewToken("ann", admin.Write, token)}}
	engine := daemon.NewEngine(store, nil, nil, tasks.DefaultRules())
	engine.Pause = func(context.Context, time.Duration) error { return context.DeadlineExceeded }
	o := console.Options{
		API: &admin.API{Engine: engine, AdminStore: store, Tokens: tokens}, Tokens: tokens, Engine: engine, AdminStore: store, TaskStats: store,
		Now: func() time.Time { return now },
	}
	change(&o)
	c, err := console.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return shop{t, store, c, &now, tokens}
}

// ask sends a request with the given cookie. With a form it is a POST request.
func (s shop) ask(path, cookie string, form url.Values) *httptest.ResponseRecorder {
	s.Helper()
	r := httptest.NewRequestWithContext(s.Context(), http.MethodGet, path, nil)
	if form != nil {
		r = httptest.NewRequestWithContext(s.Context(), http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Cookie", cookie)
	w := httptest.NewRecorder()
	s.console.ServeHTTP(w, r)
	return w
}

func (s shop) signIn() string {
	s.Helper()
	w := s.ask("/console/signin", "", url.Values{"token": {token}})
	cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	if w.Code != http.StatusSeeOther || cookie == "" {
		s.Fatalf("%d %s", w.Code, w.Body)
	}
	return cookie
}

func (s shop) want(code int, path, cookie string) string {
	s.Helper()
	w := s.ask(path, cookie, nil)
	if w.Code != code {
		s.Errorf("%s: %d, want %d: %s", path, w.Code, code, w.Body)
	}
	return w.Body.String()
}

func TestSessionsEnd(t *testing.T) {
	s := open(t, func(*console.Options) {})
	idle, busy := s.signIn(), s.signIn()
	for range 6 {
		*s.now = s.now.Add(119 * time.Minute)
		s.want(200, "/", busy)
	}
	s.want(303, "/", idle)
	*s.now = s.now.Add(7 * time.Minute) // twelve hours and one minute after the sign-in
	s.want(303, "/", busy)
	oldest := s.signIn()
	for range 1000 {
		s.signIn()
	}
	s.want(303, "/", oldest)
}

// TestTroubles checks that an internal error is not shown to the visitor, and that it lets nobody sign in.
func TestTroubles(t *testing.T) {
	s := open(t, func(*console.Options) {})
	cookie := s.signIn()
	s.tokens.away = true
	if page := s.want(503, "/", cookie); strings.Contains(page, "the file is away") || strings.Contains(page, "Sign out") {
		t.Error(page)
	}
	if w := s.ask("/console/signin", "", url.Values{"token": {token}}); w.Code != 503 || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	away := open(t, func(o *console.Options) { o.AdminStore = failing{o.AdminStore} })
	away.want(503, "/", away.signIn())
	panics := open(t, func(o *console.Options) { o.AdminStore = nil })
	if page := panics.want(503, "/console/plans", panics.signIn()); strings.Contains(page, "nil pointer") {
		t.Error(page)
	}
}

type failing struct{ adminstore.AdminStore }

func (failing) QueueStats(context.Context) (stats.Queue, error) {
	return stats.Queue{}, errors.New("postgres://secret")
}

// TestWithoutACensus checks that the overview works without task statistics and without connector
// statistics.
func TestWithoutACensus(t *testing.T) {
	s := open(t, func(o *console.Options) { o.TaskStats = nil })
	page := s.want(200, "/", s.signIn())
	if strings.Contains(page, "data-chart") || !strings.Contains(page, "It has not been asked yet.") {
		t.Error(page)
	}
}

// TestPagesGoOn reads each list to its end, over more than one page.
func TestPagesGoOn(t *testing.T) {
	s := open(t, func(*console.Options) {})
	var edits []stock.PlanEdit
	country, size, later := stock.Country("US"), 1, s.now.Add(-time.Hour)
	for i := range 120 {
		edits = append(edits, stock.PlanEdit{ID: "plan-" + string(rune('a'+i/26)) + string(rune('a'+i%26)), Country: &country, Size: &size, ExpiresAt: &later})
	}
	if err := s.store.EditPlans(t.Context(), edits); err != nil {
		t.Fatal(err)
	}
	err := s.store.ImportKeys(t.Context(), adminstore.ImportBatch{ID: "b", Type: tasks.EventImported}, func(yield func(keys.Key, error) bool) {
		for i := range 120 {
			if !yield(keys.Key{Code: keys.Code("K&" + string(rune('a'+i/26)) + string(rune('a'+i%26))), Status: keys.Active}, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	cookie := s.signIn()
	if page := s.want(200, "/", cookie); strings.Count(page, ">expired<") != 20 || !strings.Contains(page, "There may be more") {
		t.Errorf("%d plans are told to be ill", strings.Count(page, ">expired<"))
	}
	next := regexp.MustCompile(`href="([^"]+)">Next page`)
	for path, line := range map[string]string{"/console/keys": `href="/console/key?code=K`, "/console/plans": `aria-label="Retire plan `} {
		lines, pages := 0, 0
		for path != "" {
			page := s.want(200, path, cookie)
			lines, pages = lines+strings.Count(page, line), pages+1
			path = ""
			if found := next.FindStringSubmatch(page); found != nil {
				path = strings.ReplaceAll(found[1], "&amp;", "&")
			}
		}
		if lines != 120 || pages != 3 {
			t.Errorf("%d lines on %d pages", lines, pages)
		}
	}
}
