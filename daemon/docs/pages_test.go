package docs_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/holderpage"
)

// TestAdminPage checks that the page of the admin API lists all calls and codes, and that its examples fit the document.
func TestAdminPage(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("../admin/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	fits(t, doc.Components.Schemas["Issue"].Value, find(t, "admin-api.md", "issued"), true)
	fits(t, doc.Components.Schemas["Problem"].Value, find(t, "admin-api.md", "problem"), true)
	page := pages(t)[root+"/daemon/docs/admin-api.md"]
	for _, route := range admin.Routes() {
		if call := strings.Replace(route, "/admin/v1", "", 1); !strings.HasSuffix(call, "openapi.json") && !strings.Contains(page, "| `"+call+"` |") {
			t.Errorf("the page does not list %s", call)
		}
	}
	for _, code := range admin.Codes() {
		if !strings.Contains(page, "`"+string(code)+"`") {
			t.Errorf("the page does not list %s", code)
		}
	}
}

// TestPageSnippet changes texts of the page for holders as its document shows.
func TestPageSnippet(t *testing.T) {
	files := fstest.MapFS{"texts.en.html": {Data: []byte(find(t, "page.md", "page texts"))}}
	page, err := holderpage.New(http.NotFoundHandler(), holderpage.Options{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if !strings.Contains(w.Body.String(), "<h1>Welcome to Seat Shop</h1>") {
		t.Error("the page does not have the title of the snippet")
	}
}

// TestGoSnippet checks that the example of the Go client contains the snippet. The example has its own test.
func TestGoSnippet(t *testing.T) {
	example, err := os.ReadFile("../client/example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(example), find(t, "api.md", "go")) {
		t.Error("the snippet does not stand in daemon/client/example_test.go as it is")
	}
}

// TestMessages checks that the API's page has the refusals of the public document.
func TestMessages(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("../admin/public-openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	page := pages(t)[root+"/daemon/docs/api.md"]
	for _, schema := range []string{"Refusal", "Sent", "Status"} {
		for _, value := range doc.Components.Schemas[schema].Value.Enum {
			if text, _ := value.(string); text == "" || !strings.Contains(page, text) {
				t.Errorf("the page does not have %q", text)
			}
		}
	}
}
