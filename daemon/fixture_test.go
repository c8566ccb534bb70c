package daemon_test

import (
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

// A fixture is an API on a memory store, with keys and plans.
type fixture struct {
	*testing.T
	store  *memory.Store
	engine tasks.Engine
	api    *daemon.API
}

// plain is a sealer that does not encrypt.
type plain struct{}

func (plain) Seal(plain, _ []byte) ([]byte, error)  { return plain, nil }
func (plain) Open(sealed, _ []byte) ([]byte, error) { return sealed, nil }

func newFixture(t *testing.T) fixture {
	store := memory.New(time.Now)
	engine := daemon.NewEngine(store, simulator.Connector{}, plain{}, tasks.DefaultRules())
	return fixture{t, store, engine, &daemon.API{Engine: engine, UnknownKeyLimiter: daemon.NoUnknownKeyLimit}}
}

func (f fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f fixture) importKeys(all ...keys.Key) {
	f.Helper()
	f.must(f.store.ImportKeys(f.Context(), adminstore.ImportBatch{ID: f.engine.NewID(), Type: tasks.EventImported}, func(yield func(keys.Key, error) bool) {
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

func (f fixture) addPlan(id string, country stock.Country, size int) {
	f.Helper()
	address := id + " street"
	f.must(f.store.EditPlans(f.Context(), []stock.PlanEdit{{ID: id, Country: &country, Size: &size, Address: &address}}))
}

// send sends a request to the API, after the functions edit have changed the request.
func (f fixture) send(method, target, body string, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(f.Context(), method, "/API/", strings.NewReader(body))
	parsed, rest, _ := strings.Cut(target, "?")
	r.URL.Path, r.URL.RawQuery, r.RequestURI = parsed, rest, target
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, e := range edit {
		e(r)
	}
	w := httptest.NewRecorder()
	f.api.ServeHTTP(w, r)
	return w
}

// get returns the body of the response to a GET.
func (f fixture) get(query url.Values) string {
	f.Helper()
	return f.send(http.MethodGet, "/API/?"+query.Encode(), "").Body.String()
}
