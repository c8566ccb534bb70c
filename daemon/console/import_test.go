package console_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/daemon/console"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// upload sends a file to an import.
func (s fixture) upload(path, cookie, form, text string) *httptest.ResponseRecorder {
	s.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	_ = w.WriteField("form", form) // a buffer never fails
	part, err := w.CreateFormFile("file", "file.csv")
	if err != nil {
		s.Fatal(err)
	}
	_, _ = part.Write([]byte(text))
	_ = w.Close()
	r := httptest.NewRequestWithContext(s.Context(), http.MethodPost, path, &body)
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("Cookie", cookie)
	answer := httptest.NewRecorder()
	s.console.ServeHTTP(answer, r)
	return answer
}

// hiddenFields returns the hidden fields of the last form of a page.
func hiddenFields(page string) url.Values {
	v := url.Values{}
	last := page[strings.LastIndex(page, "<form"):]
	for _, field := range regexp.MustCompile(`type="hidden" name="(\w+)" value="([^"]*)"`).FindAllStringSubmatch(last, -1) {
		v.Set(field[1], strings.ReplaceAll(field[2], "&#43;", "+"))
	}
	return v
}

// TestImportPlans checks the verdict of each row, that nothing is stored before it is confirmed, and that a file with
// an invalid row cannot be imported.
func TestImportPlans(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	s.importPlan("old", 2)
	s.importPlan("same", 2)
	s.importPlan("gone", 2)
	if err := s.store.EditPlans(t.Context(), []stock.PlanEdit{{ID: "gone", Retire: true}}); err != nil {
		t.Fatal(err)
	}
	cookie := s.signIn()
	form := s.formSecret(cookie)
	const path = "/console/plans/import"
	s.expect(s.get(200, path, cookie), []string{`type="file"`, "id, country, address, invite, slots, expires_at"}, nil)
	const header = "id,country,slots\n"
	bad := s.upload(path, cookie, form, header+"fresh,DE,3\nold,XX,3\nold,US,many\n")
	s.expect(bad.Body.String(), []string{"1 new, 2 invalid. Nothing is stored.", "slots must be a number"}, []string{">Import</button>"})
	good := s.upload(path, cookie, form, header+"fresh,DE,3\nold,US,4\nsame,US,2\ngone,US,2\n")
	s.expect(good.Body.String(), []string{"1 new, 1 updated, 1 unchanged, 1 back in stock. Nothing is stored yet."}, nil)
	if bad.Code != 422 || good.Code != 200 || s.plan("fresh").ID != "" {
		t.Errorf("%d %d %+v", bad.Code, good.Code, s.plan("fresh"))
	}
	if w := s.send(path, cookie, hiddenFields(good.Body.String())); w.Code != 303 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if s.plan("fresh").Size != 3 || s.plan("old").Size != 4 || s.plan("gone").Retired {
		t.Errorf("%+v %+v %+v", s.plan("fresh"), s.plan("old"), s.plan("gone"))
	}
	s.expect(s.get(200, "/console/plans", cookie), []string{"4 rows of plans are imported."}, nil)
	s.expect(s.upload(path, cookie, form, "").Body.String(), []string{"Choose a CSV file"}, nil)
	s.expect(s.upload(path, cookie, form, "colour\nred\n").Body.String(), []string{"1 invalid.", "the first line must name the columns"}, nil)
	if w := s.upload(path, cookie, form, header+strings.Repeat("x", 2<<20)); w.Code != 422 || !strings.Contains(w.Body.String(), "up to 1 MB") {
		t.Errorf("2 MiB: %d", w.Code)
	}
	if w := s.upload(path, cookie, form, header+strings.Repeat("x", 6<<20)); w.Code != 413 || !strings.Contains(w.Body.String(), "up to 1 MB") {
		t.Errorf("6 MiB: %d %s", w.Code, w.Body)
	}
	if w := s.send("/console/keys", cookie, values("form", form, "q", strings.Repeat("x", 1<<20))); w.Code != 413 {
		t.Errorf("a search of 1 MiB: %d %s", w.Code, w.Body)
	}
}

// TestImportKeys checks the dry run, the import and its history, and that the same form imports keys only once.
func TestImportKeys(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	s.importKeys("code-one-1")
	cookie := s.signIn()
	form := s.formSecret(cookie)
	const path = "/console/keys/import"
	bad := s.upload(path, cookie, form, "code,order_id\ncode-one-1,\ncode-two-2,web-7\ncode-two-2,\n")
	s.expect(bad.Body.String(), []string{
		"1 already there, 1 new, 1 invalid.", `<td class="code">…-1</td><td class="wide"><span class="pill bad">already there</span></td>`,
		`<td class="code">…-2</td><td class="wide">new</td>`, "the code comes on line 3 already",
	}, []string{">Import</button>", "code-two-2"})
	many := "code\ncode-one-1\n"
	for i := range 600 {
		many += fmt.Sprintf("many-%d\n", i)
	}
	long := s.upload(path, cookie, form, many+"many-7\n").Body.String()
	s.expect(long, []string{"1 already there, 600 new, 1 invalid.", "102 more rows are not shown.", "the code comes on line 10 already"}, nil)
	if n := strings.Count(long, `<td class="wide">`); n != 500 {
		t.Errorf("%d rows", n)
	}
	good := s.upload(path, cookie, form, "code,order_id\ncode-two-2,web-7\n")
	s.expect(good.Body.String(), []string{"1 new. Nothing is stored yet."}, []string{"code-two-2"})
	fields := hiddenFields(good.Body.String())
	if w := s.send(path, cookie, fields); w.Code != 303 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := s.send(path, cookie, fields); w.Code != 422 || !strings.Contains(w.Body.String(), "The file was imported already.") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	history, err := s.store.History(t.Context(), "code-two-2")
	if err != nil || len(history) != 1 || history[0].Type != tasks.EventImported || history[0].Note != "by ann" {
		t.Errorf("%+v %v", history, err)
	}
}

// partStore fails at the second call of EditPlans.
type partStore struct {
	*memory.Store
	calls int
}

func (s *partStore) EditPlans(ctx context.Context, edits []stock.PlanEdit) error {
	if s.calls++; s.calls == 2 {
		return errors.New("the database is away")
	}
	return s.Store.EditPlans(ctx, edits)
}

// TestImportOfAPart checks that a failed import of plans says how many are stored, and that another import continues.
func TestImportOfAPart(t *testing.T) {
	var store *partStore
	s := newFixture(t, func(o *console.Options) {
		store = &partStore{Store: o.AdminStore.(*memory.Store)}
		o.AdminStore = store
	})
	cookie := s.signIn()
	form := s.formSecret(cookie)
	var file strings.Builder
	file.WriteString("id,country,slots\n")
	for i := range csvfile.MaxPlanEdits + 5 {
		fmt.Fprintf(&file, "p%d,US,2\n", i)
	}
	text := base64.StdEncoding.EncodeToString([]byte(file.String()))
	confirm := values("form", form, "id", "x", "text", text)
	w := s.send("/console/plans/import", cookie, confirm)
	if w.Code != 503 || !strings.Contains(w.Body.String(), "at least the first 2000 of 2005 plans are stored: import the same file again.") {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
	if w := s.send("/console/plans/import", cookie, confirm); w.Code != 303 || s.plan("p3").ID == "" {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}
