package console_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/console"
	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// find sends the form of the search.
func (s fixture) find(cookie, form, text string) (code int, location, page string) {
	s.Helper()
	w := s.send("/console/keys", cookie, values("form", form, "q", text))
	return w.Code, w.Header().Get("Location"), w.Body.String()
}

// TestSearch finds keys, orders, users, tasks and plans. The page of a single key or task is shown directly.
func TestSearch(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	s.importPlan("us-plan-1", 5)
	all := []keys.Key{
		{Code: "first-code-of-the-shop-AAAAA", Status: keys.Active, OrderID: "order-77"},
		{Code: "second-code-of-the-shop-BBBBB", Status: keys.Active, OrderID: "order-77"},
		{Code: "third-code-of-the-shop-CCCCC", Status: keys.Success, Used: true, Username: "someone"},
	}
	if err := s.store.ImportKeys(t.Context(), adminstore.ImportBatch{ID: "b", Type: tasks.EventImported}, seq.All(all)); err != nil {
		t.Fatal(err)
	}
	s.upgrade(all[0].Code, "TASKOFTHEFIRST")
	cookie := s.signIn()
	form := s.formSecret(cookie)
	for _, text := range []string{string(all[0].Code), "…AAAAA", "someone"} {
		if code, location, page := s.find(cookie, form, text); code != 303 || !strings.HasPrefix(location, "/console/key?key=") {
			t.Errorf("%s: %d %s %s", text, code, location, page)
		}
	}
	if code, location, _ := s.find(cookie, form, "TASKOFTHE"); code != 303 || location != "/console/task?id=TASKOFTHEFIRST" {
		t.Errorf("%d %s", code, location)
	}
	_, _, page := s.find(cookie, form, "order-7")
	s.expect(page, []string{"By order", "…AAAAA", "…BBBBB", `href="/console/keys?order=order-77"`}, []string{string(all[0].Code)})
	_, _, page = s.find(cookie, form, "us-plan")
	s.expect(page, []string{"us-plan-1", `aria-label="Edit plan us-plan-1"`}, nil)
	code, _, page := s.find(cookie, form, "nobody")
	s.expect(page, []string{"Nothing was found for “nobody”."}, nil)
	if code != 404 {
		t.Errorf("%d", code)
	}
}

// TestTaskTabsAndFilters checks the tabs, the filters and the links of the overview to the lists.
func TestTaskTabsAndFilters(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	s.importPlan("p", 1)
	s.importKeys("key-one-1", "key-two-2")
	s.upgrade("key-one-1", "WAITING1")
	*s.now = s.now.Add(time.Second)
	s.upgrade("key-two-2", "NOSTOCK2") // the plan has one slot
	*s.now = s.now.Add(time.Minute)
	cookie := s.signIn()
	for query, want := range map[string]string{
		"": "NOSTOCK2 WAITING1", "?state=waiting": "WAITING1", "?state=open": "WAITING1", "?state=running": "", "?state=retrying": "",
		"?state=ended": "NOSTOCK2", "?state=failed": "NOSTOCK2", "?state=suspect": "", "?outcome=out_of_stock": "NOSTOCK2",
		"?outcome=success,out_of_stock": "NOSTOCK2", "?country=de": "", "?country=us&plan=p": "WAITING1",
		"?since=2026-11-23": "", "?until=2026-11-22": "NOSTOCK2 WAITING1", "?until=2026-11-21": "", "?state=ended&outcome=success": "",
	} {
		var got []string
		for _, m := range regexp.MustCompile(`task\?id=(\w+)`).FindAllStringSubmatch(s.get(200, "/console/tasks"+query, cookie), -1) {
			got = append(got, m[1])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
	for _, query := range []string{"?country=USA", "?outcome=nothing", "?since=tomorrow"} {
		s.expect(s.get(400, "/console/tasks"+query, cookie), []string{"The filter is not valid"}, nil)
	}
	s.expect(s.get(400, "/console/keys?used=true", cookie), []string{"Used must be yes or no."}, nil)
	s.get(400, "/console/keys/export?revoked=1", cookie)
	s.get(404, "/console/tasks?state=nothing", cookie)
	s.expect(s.get(200, "/console/tasks?state=failed&country=DE", cookie), []string{`href="/console/tasks?state=failed">Clear</a>`, "No task is failed and passes the filter."}, nil)
	s.expect(s.get(200, "/", cookie), []string{
		`href="/console/tasks?state=waiting">1<`, `href="/console/tasks?state=open">open</a>`,
		`href="/console/tasks?outcome=out_of_stock&amp;since=2026-11-21T20%3A00%3A00Z">out of stock</a>`,
	}, nil)
}

// TestPagingBothWays reads a list of keys to its end and back.
func TestPagingBothWays(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	var codes []keys.Code
	for i := range 120 {
		codes = append(codes, keys.Code(fmt.Sprintf("code-%03d", i)))
	}
	s.importKeys(codes...)
	cookie := s.signIn()
	follow := func(page, label string) string {
		found := regexp.MustCompile(`href="([^"]+)">` + label).FindStringSubmatch(page)
		if found == nil {
			return ""
		}
		return s.get(200, strings.ReplaceAll(found[1], "&amp;", "&"), cookie)
	}
	count := func(page string) int { return strings.Count(page, `aria-label="Select `) }
	first := s.get(200, "/console/keys?status=active", cookie)
	second := follow(first, "Next page")
	third := follow(second, "Next page")
	back := follow(follow(third, "Previous page"), "Previous page")
	if count(first) != 50 || count(second) != 50 || count(third) != 20 || count(back) != 50 || follow(third, "Next page") != "" || follow(back, "Previous page") != "" {
		t.Errorf("%d %d %d %d", count(first), count(second), count(third), count(back))
	}
}

// pageIDs returns the ids of all lines of a list.
func pageIDs(list string) (all []string) {
	for _, field := range regexp.MustCompile(`name="page" value="([^"]+)"`).FindAllStringSubmatch(list, -1) {
		all = append(all, html.UnescapeString(field[1]))
	}
	return all
}

// TestBulkActionOnIDWithComma retires all plans of a page. The id of one of them has a comma, and its parts are the id of
// a plan on another page.
func TestBulkActionOnIDWithComma(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	s.importPlan("us,7", 1)
	cookie := s.signIn()
	fields := values("form", s.formSecret(cookie), "noun", "plan", "verb", "retire", "all", "yes", "step", "act")
	fields["page"] = pageIDs(s.get(200, "/console/plans", cookie))
	s.importPlan("us", 1)
	w := s.send("/console/bulk", cookie, fields)
	s.expect(w.Body.String(), []string{"Done for 1."}, []string{"not done"})
	if !s.plan("us,7").Retired || s.plan("us").Retired {
		t.Errorf("%+v %+v", s.plan("us,7"), s.plan("us"))
	}
}

// TestBulkActions revokes several keys after a question, and says what was not done.
func TestBulkActions(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	s.importKeys("code-one-1", "code-two-2", "code-three-3")
	cookie := s.signIn()
	form := s.formSecret(cookie)
	send := func(code int, v url.Values) string {
		t.Helper()
		v.Set("form", form)
		w := s.send("/console/bulk", cookie, v)
		if w.Code != code {
			t.Errorf("%d, want %d: %s", w.Code, code, w.Body)
		}
		return w.Body.String()
	}
	list := s.get(200, "/console/keys", cookie)
	references := pageIDs(list)
	all := values("noun", "key", "verb", "revoke", "all", "yes")
	all["page"] = references
	question := send(200, all)
	s.expect(question, []string{"Revoke 3 keys?", ">Cancel</a>"}, []string{"code-one-1"})
	fields := hiddenFields(question)
	fields["id"] = references
	s.expect(send(200, fields), []string{"<h1>Revoke 3 keys</h1>", "Done for 3."}, nil)
	s.expect(send(200, values("noun", "task", "verb", "retry", "id", "nothing", "step", "act")), []string{"<h1>Retry 1 task</h1>", "Done for 0, not done for 1.", "nothing</span>: "}, nil)
	if v, err := s.engine.Snapshot(t.Context(), "code-two-2"); err != nil || !v.Key.Revoked {
		t.Errorf("%+v %v", v.Key, err)
	}
	s.expect(send(422, values("noun", "key", "verb", "revoke")), []string{"<h1>Revoke</h1>", "Select one or more lines"}, nil)
	send(404, values("noun", "plan", "verb", "edit", "id", "p"))
	s.tokens.TokenList[0].Role = admin.Support
	fields.Set("verb", "restore")
	s.expect(send(403, fields), []string{"Your role does not allow this."}, nil)
}

// TestExport checks what is exported, that only an export token gets whole codes, and that each list can be exported.
func TestExport(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	s.importPlan("p", 1)
	s.importKeys("code-one-1", "code-two-2")
	s.upgrade("code-one-1", "=TASK1")
	cookie := s.signIn()
	get := func(path string) string {
		w := s.send(path, cookie, nil)
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment; ") {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		return w.Body.String()
	}
	text := func(path string) string { return s.get(200, path, cookie) }
	var listed []struct{ Code, Status string }
	if err := json.Unmarshal([]byte(get("/console/keys/export?format=json&status=active")), &listed); err != nil || len(listed) != 1 || listed[0].Code != "…-2" {
		t.Errorf("%+v %v", listed, err)
	}
	if csv := text("/console/keys/export"); strings.Count(csv, "\n") != 3 || strings.Contains(csv, "code-one-1") {
		t.Error(csv)
	}
	if csv := text("/console/tasks/export?state=open"); !strings.Contains(csv, "'=TASK1,…-1,upgrade,US,,p,held,0,2026-11-22T19:37:00Z,") {
		t.Error(csv)
	}
	s.tokens.TokenList[0].Role = admin.Export
	if csv := text("/console/keys/export"); !strings.Contains(csv, "code-one-1") {
		t.Error(csv)
	}
	if list := text("/console/tasks/export?format=json"); !strings.Contains(list, "code-one-1") {
		t.Error(list)
	}
}

// TestExportLinks checks that the links below a list export the lines that pass its filters.
func TestExportLinks(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	s.importPlan("p", 1)
	s.importKeys("code-one-1", "code-two-2", "code-three-3")
	s.upgrade("code-one-1", "TASK1")
	s.upgrade("code-two-2", "TASK2") // ends immediately, because no slot is free
	cookie := s.signIn()
	s.get(200, "/console/key?task=TASK1", cookie)
	link := regexp.MustCompile(`href="(/console/\w+/export\?[^"]*)"`)
	for path, want := range map[string]int{
		"/console/keys":                                  3,
		"/console/keys?status=active":                    1,
		"/console/keys?status=failed_upgrade&country=US": 1,
		"/console/tasks":                                 2,
		"/console/tasks?state=open&country=US":           1,
		"/console/activity":                              2,
		"/console/activity?action=show_key&sort=oldest":  1,
	} {
		links := link.FindAllStringSubmatch(s.get(200, path, cookie), -1)
		if len(links) != 2 {
			t.Errorf("%s: %v", path, links)
			continue
		}
		var rows []any
		csv, list := s.get(200, html.UnescapeString(links[0][1]), cookie), s.get(200, html.UnescapeString(links[1][1]), cookie)
		if err := json.Unmarshal([]byte(list), &rows); err != nil || len(rows) != want || strings.Count(csv, "\n") != 1+want {
			t.Errorf("%s: %v\n%s\n%s", path, err, list, csv)
		}
	}
}
