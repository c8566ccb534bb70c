package daemon_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A shop is an API on a memory store, with keys and plans.
type shop struct {
	*testing.T
	store  *memory.Store
	engine tasks.Engine
	api    *daemon.API
}

// plain is a sealer that does not encrypt.
type plain struct{}

func (plain) Seal(plain, _ []byte) ([]byte, error)  { return plain, nil }
func (plain) Open(sealed, _ []byte) ([]byte, error) { return sealed, nil }

func open(t *testing.T) shop {
	store := memory.New(time.Now)
	engine := daemon.NewEngine(store, simulator.Connector{}, plain{}, tasks.DefaultRules())
	return shop{t, store, engine, &daemon.API{Engine: engine, UnknownKeyLimiter: daemon.NoUnknownKeyLimit}}
}

func (s shop) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s shop) bring(all ...keys.Key) {
	s.Helper()
	s.must(s.store.ImportKeys(s.Context(), adminstore.ImportBatch{ID: s.engine.NewID(), Type: tasks.EventImported}, func(yield func(keys.Key, error) bool) {
		for _, k := range all {
			if k.Status == "" {
				k.Status = keys.Active
			}
			if !yield(k, nil) {
				return
			}
		}
	}))
}

func (s shop) plan(id string, country stock.Country, size int) {
	s.Helper()
	address := id + " street"
	s.must(s.store.EditPlans(s.Context(), []stock.PlanEdit{{ID: id, Country: &country, Size: &size, Address: &address}}))
}

// ask sends a request; edit may change it first.
func (s shop) ask(method, target, body string, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(s.Context(), method, "/API/", strings.NewReader(body))
	parsed, rest, _ := strings.Cut(target, "?")
	r.URL.Path, r.URL.RawQuery, r.RequestURI = parsed, rest, target
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, e := range edit {
		e(r)
	}
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	return w
}

// get returns the body of the answer to a GET.
func (s shop) get(query url.Values) string {
	s.Helper()
	return s.ask(http.MethodGet, "/API/?"+query.Encode(), "").Body.String()
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
