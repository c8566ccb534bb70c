package daemon_test

import (
	"context"
	"io"
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
)

// A shop is an API on a memory store, with keys and plans.
type shop struct {
	*testing.T
	store *memory.Store
	desk  tasks.Desk
	api   *daemon.API
}

// clear is a sealer that seals nothing: here nobody looks.
type clear struct{}

func (clear) Seal(plain, _ []byte) ([]byte, error)  { return plain, nil }
func (clear) Open(sealed, _ []byte) ([]byte, error) { return sealed, nil }

func open(t *testing.T) shop {
	store := memory.New(time.Now)
	desk := daemon.NewDesk(store, simulator.Connector{}, clear{}, tasks.DefaultRules())
	return shop{t, store, desk, &daemon.API{Desk: desk}}
}

func (s shop) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s shop) bring(all ...keys.Key) {
	s.Helper()
	s.must(s.store.ImportKeys(s.Context(), func(yield func(keys.Key, error) bool) {
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
	s.must(s.store.EditPlans(s.Context(), []stock.Edit{{ID: id, Country: &country, Size: &size, Address: &address}}))
}

// ask sends a request; edit may change it first.
func (s shop) ask(method, target, body string, edit ...func(*http.Request)) *http.Response {
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
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// get gives the body of a GET.
func (s shop) get(query url.Values) string {
	s.Helper()
	return body(s.T, s.ask(http.MethodGet, "/API/?"+query.Encode(), ""))
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// until looks until the condition holds.
func until(ctx context.Context, t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("still not: %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}
