package console_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/console"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// expect checks which texts a page has, and which it lacks.
func (s fixture) expect(page string, has, lacks []string) {
	s.Helper()
	main := page[max(0, strings.Index(page, "<main")):]
	for _, text := range has {
		if !strings.Contains(page, text) {
			s.Errorf("the page lacks %q:\n%s", text, main)
		}
	}
	for _, text := range lacks {
		if strings.Contains(page, text) {
			s.Errorf("the page has %q:\n%s", text, main)
		}
	}
}

// importKeys imports unused keys.
func (s fixture) importKeys(codes ...keys.Code) {
	s.Helper()
	var all []keys.Key
	for _, code := range codes {
		all = append(all, keys.Key{Code: code, Status: keys.Active})
	}
	if err := s.store.ImportKeys(s.Context(), adminstore.ImportBatch{ID: string(codes[0]), Type: tasks.EventImported}, seq.All(all)); err != nil {
		s.Fatal(err)
	}
}

// upgrade accepts an upgrade of a key in the United States, as the task with that id.
func (s fixture) upgrade(code keys.Code, id string) {
	s.Helper()
	engine := s.engine
	engine.NewID, engine.Now = func() string { return id }, func() time.Time { return *s.now }
	account := tasks.Account{Login: tasks.NewSecret("ann@example.com"), Password: tasks.NewSecret("a password 1")}
	if err := engine.Accept(s.Context(), tasks.Request{Kind: tasks.Upgrade, Code: code, Country: "US", Account: account}); err != nil {
		s.Fatal(err)
	}
}

// importPlan imports a plan in the United States.
func (s fixture) importPlan(id string, size int) {
	s.Helper()
	country := stock.Country("US")
	if err := s.store.EditPlans(s.Context(), []stock.PlanEdit{{ID: id, Country: &country, Size: &size}}); err != nil {
		s.Fatal(err)
	}
}

// TestEmptyShop checks that the overview of an empty shop shows the first steps, and that they disappear with the
// first task.
func TestEmptyShop(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	cookie := s.signIn()
	s.expect(s.get(200, "/", cookie), []string{"First steps", ">Add plans</a>", ">Issue keys</a> <span", "There are no plans yet."}, []string{"keyseatd ", "Done:"})
	s.expect(s.get(200, "/console/keys", cookie), []string{"No keys yet."}, nil)
	s.expect(s.get(200, "/console/plans", cookie), []string{"No plans yet."}, nil)
	s.importPlan("p", 2)
	s.importKeys("code-one-1")
	*s.now = s.now.Add(time.Minute)
	s.expect(s.get(200, "/", cookie), []string{"<b>Done:</b> Add plans", "<b>Done:</b> Issue keys", "Try a key"}, []string{"There are no plans yet."})
	s.upgrade("code-one-1", "T1")
	*s.now = s.now.Add(time.Minute)
	s.expect(s.get(200, "/", cookie), []string{"Waiting", "Running", "Retrying", "Refresh"}, []string{"First steps", "Leased", "Read again"})
}

// TestSimulatorBanner checks that every page says that the connector is the simulator.
func TestSimulatorBanner(t *testing.T) {
	s := newFixture(t, func(o *console.Options) { o.Simulated = true })
	cookie := s.signIn()
	for _, path := range []string{"/", "/console/keys", "/console/issue"} {
		s.expect(s.get(200, path, cookie), []string{"nothing is delivered"}, nil)
	}
	quiet := newFixture(t, func(*console.Options) {})
	quiet.expect(quiet.get(200, "/", quiet.signIn()), nil, []string{"nothing is delivered"})
}

// TestKeyPage checks the title, the breadcrumb and the advice of the page of a key. A refresh of the page gets no
// whole code, and writes no line of the audit log.
func TestKeyPage(t *testing.T) {
	var log bytes.Buffer
	s := newFixture(t, func(o *console.Options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	s.importPlan("p", 2)
	s.importKeys("code-one-1")
	s.upgrade("code-one-1", "T1")
	cookie := s.signIn()
	const path = "/console/key?task=T1"
	page := s.get(200, path, cookie)
	s.expect(page, []string{
		"<title>Key …-1 · keyseat console</title>", `<a href="/console/keys">Keys</a>`, "code-one-1", `data-live="state"`,
		`was accepted at <time datetime="2026-11-22T19:37:00Z" title="2026-11-22`, ">Revoke</a>", "waiting",
	}, []string{"keyseatd "})
	s.expect(s.get(200, "/console/task?id=T1", cookie), []string{"<title>Task T1 · keyseat console</title>", `data-live="fields"`}, nil)
	lines := strings.Count(log.String(), "show key")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.Header.Set("Cookie", cookie)
	r.Header.Set("Keyseat-Refresh", "true")
	w := httptest.NewRecorder()
	s.console.ServeHTTP(w, r)
	if w.Code != 200 || strings.Contains(w.Body.String(), "code-one-1") || lines != 1 || strings.Count(log.String(), "show key") != lines {
		t.Errorf("%d, %d lines: %s", w.Code, lines, w.Body)
	}
}

// TestChartRanges checks the periods of the chart, each with the number of tasks of the period before.
func TestChartRanges(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	now := *s.now
	for i, days := range []int{45, 20, 10, 3, 0} { // before now
		code := keys.Code(string(rune('A' + i)))
		*s.now = now.AddDate(0, 0, -days)
		s.importKeys(code)
		s.upgrade(code, "T"+string(code))
	}
	cookie := s.signIn()
	for path, want := range map[string]string{
		"/": "24 hours <small>1 accepted, 0 in the 24 hours before", "/?range=nothing": "24 hours <small>1 accepted",
		"/?range=7d": "7 days <small>2 accepted, 1 in the 7 days before", "/?range=30d": "30 days <small>4 accepted, 1 in the 30 days before",
	} {
		s.expect(s.get(200, path, cookie), []string{want}, nil)
	}
	if page := s.get(200, "/?range=30d", cookie); strings.Count(page, `data-part="date"`) != 30 || !strings.Contains(page, `href="/?range=7d"`) {
		t.Error(page)
	}
}
