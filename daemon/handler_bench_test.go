package daemon_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// newBenchAPI returns an API on a memory store of n unused keys and enough slots.
func newBenchAPI(b *testing.B, n int) *daemon.API {
	b.Helper()
	store := memory.New(time.Now)
	country, size := stock.Country("US"), 2*n
	err := store.ImportKeys(b.Context(), adminstore.ImportBatch{ID: "bench", Type: tasks.EventImported}, func(yield func(keys.Key, error) bool) {
		for i := range n {
			if !yield(keys.Key{Code: keys.Code(fmt.Sprint("K", i)), Status: keys.Active}, nil) {
				return
			}
		}
	})
	if err == nil {
		err = store.EditPlans(b.Context(), []stock.PlanEdit{{ID: "p", Country: &country, Size: &size}})
	}
	if err != nil {
		b.Fatal(err)
	}
	limiter, err := ratelimit.New(30, nil, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	engine := daemon.NewEngine(store, simulator.Connector{}, plain{}, tasks.DefaultRules())
	return &daemon.API{Engine: engine, UnknownKeyLimiter: limiter, Log: slog.New(slog.DiscardHandler)}
}

// serveBench answers one request, and checks that the body of the response contains a text.
func serveBench(b *testing.B, api http.Handler, r *http.Request, want string) {
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
		b.Fatal(w.Code, w.Body)
	}
}

// BenchmarkInfo measures the handler of info, without a network or a database.
func BenchmarkInfo(b *testing.B) {
	api := newBenchAPI(b, 1)
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/API/?info=K0", http.NoBody)
	b.ReportAllocs()
	for b.Loop() {
		serveBench(b, api, r, `"status":"active"`)
	}
}

func BenchmarkStock(b *testing.B) {
	api := newBenchAPI(b, 1)
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/API/?stock", http.NoBody)
	b.ReportAllocs()
	for b.Loop() {
		serveBench(b, api, r, `"country_code":"US"`)
	}
}

// BenchmarkUpgrade measures the handler of upgrade. When all keys are in use, it continues with a new store.
func BenchmarkUpgrade(b *testing.B) {
	const some = 10_000
	var api *daemon.API
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%some == 0 {
			b.StopTimer()
			api = newBenchAPI(b, some)
			b.StartTimer()
		}
		form := fmt.Sprintf("upgrade=K%d&login=someone%%40example.com&pwd=long+enough+1&country=US", n%some)
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/API/", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		serveBench(b, api, r, "Upgrade request sent successfully")
	}
}
