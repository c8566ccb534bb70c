package admin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/keyseat/keyseat/daemon/admin"
)

// A spec is a document against which answers are checked. It counts the documented answers that it
// has seen.
type spec struct {
	*openapi3.T

	mu   sync.Mutex
	seen map[string]bool // "GET /path 200"
}

// served returns a document as the API serves it without a token.
func served(t *testing.T, name string) *spec {
	t.Helper()
	w := httptest.NewRecorder()
	new(admin.API).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/admin/v1/"+name, nil))
	doc, err := openapi3.NewLoader().LoadFromData(w.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil || !doc.IsOpenAPI31OrLater() {
		t.Fatalf("%s, version %s: %v", name, doc.OpenAPI, err)
	}
	return &spec{T: doc, seen: map[string]bool{}}
}

func admins(t *testing.T) *spec { return served(t, "openapi.json") }

// declared lists every answer of every operation.
func (s *spec) declared() []string {
	var all []string
	for path, item := range s.Paths.Map() {
		for method, op := range item.Operations() {
			for code := range op.Responses.Map() {
				all = append(all, method+" "+path+" "+code)
			}
		}
	}
	return all
}

// operations lists the operations as their methods and paths.
func (s *spec) operations() []string {
	var all []string
	for path, item := range s.Paths.Map() {
		for method := range item.Operations() {
			all = append(all, method+" "+path)
		}
	}
	return all
}

// check returns why an answer does not fit.
func (s *spec) check(r *http.Request, w *httptest.ResponseRecorder) error {
	path := s.path(r.URL.EscapedPath())
	if path == "" {
		if w.Code != http.StatusNotFound && w.Code != http.StatusUnauthorized {
			return fmt.Errorf("there is no such path")
		}
		return s.fits(s.Components.Schemas["Problem"].Value, w.Body.Bytes())
	}
	for _, op := range s.candidates(path, r.Method) {
		s.note(op, path, w.Code)
		declared := s.Paths.Value(path).GetOperation(op).Responses.Value(strconv.Itoa(w.Code))
		if declared == nil {
			return fmt.Errorf("%s %s has no answer %d", op, path, w.Code)
		}
		if err := s.answers(declared.Value, w, r.Method); err != nil {
			return err
		}
	}
	return nil
}

// candidates returns the method of the answer's operation. If the path has no such operation, it
// returns all methods of the path.
func (s *spec) candidates(path, method string) []string {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	item := s.Paths.Value(path)
	if item.GetOperation(method) != nil {
		return []string{method}
	}
	var all []string
	for m := range item.Operations() {
		all = append(all, m)
	}
	return all
}

func (s *spec) note(method, path string, code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[fmt.Sprintf("%s %s %d", method, path, code)] = true
}

// path returns the template that matches a path.
func (s *spec) path(escaped string) string {
	got := strings.Split(escaped, "/")
	for template := range s.Paths.Map() {
		want, fits := strings.Split(template, "/"), true
		for i := range want {
			fits = fits && len(want) == len(got) && (want[i] == got[i] || strings.HasPrefix(want[i], "{"))
		}
		if fits {
			return template
		}
	}
	return ""
}

func (s *spec) answers(declared *openapi3.Response, w *httptest.ResponseRecorder, method string) error {
	for name, h := range declared.Headers {
		value := w.Header().Get(name)
		if value == "" && h.Value.Required {
			return fmt.Errorf("it has no %s", name)
		}
		if value != "" {
			if err := h.Value.Schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if method == http.MethodHead {
		return nil
	}
	if declared.Content == nil {
		if w.Body.Len() > 0 {
			return fmt.Errorf("it has a body")
		}
		return nil
	}
	media := declared.Content.Get(w.Header().Get("Content-Type"))
	if media == nil {
		return fmt.Errorf("it cannot be %s", w.Header().Get("Content-Type"))
	}
	return s.fits(media.Schema.Value, w.Body.Bytes())
}

func (s *spec) fits(schema *openapi3.Schema, body []byte) error {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return err
	}
	return schema.VisitJSON(value, openapi3.EnableJSONSchema2020(), openapi3.EnableFormatValidation())
}
