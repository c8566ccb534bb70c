package daemon_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/batchstore"
	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/metrics"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// TestRegisterMountsBothPaths checks that a mux answers at /API and at /API/, because a redirect from one to the other
// would repeat the password of the query in a URL.
func TestRegisterMountsBothPaths(t *testing.T) {
	f := newFixture(t)
	f.importKeys(keys.Key{Code: "K"})
	mux := http.NewServeMux()
	f.api.Register(mux)
	for _, target := range []string{"/API?info=K", "/API/?info=K"} {
		for _, method := range []string{"GET", "POST"} {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, nil))
			if w.Code != 200 || w.Body.String() != fresh || w.Header().Get("Location") != "" {
				t.Errorf("%s %s: %d %v %s", method, target, w.Code, w.Header(), w.Body)
			}
		}
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/API/x", nil))
	if w.Code != 404 || !strings.HasPrefix(w.Body.String(), `{"status":"error"`) {
		t.Errorf("below /API/: %d %s", w.Code, w.Body)
	}
}

// TestWrappedStoreCountsLogins checks that an engine limits logins even if its store is wrapped.
func TestWrappedStoreCountsLogins(t *testing.T) {
	store := memory.New(time.Now)
	wrapped := metrics.New("").Store(batchstore.New(store, batchstore.Options{}))
	for _, s := range []tasks.Store{store, wrapped} {
		if engine := daemon.NewEngine(s, nil, nil, tasks.DefaultRules()); engine.Logins != tasks.LoginCounter(store) {
			t.Errorf("%T: the logins are counted by %v", s, engine.Logins)
		}
	}
}

// TestLimitsAreOnByDefault checks that limits apply unless they are explicitly switched off.
func TestLimitsAreOnByDefault(t *testing.T) {
	f := newFixture(t)
	f.importKeys(keys.Key{Code: "K"})
	for range 3 * daemon.DefaultUnknownKeys {
		if code := f.send("GET", "/API/?info=none", "").Code; code != 200 {
			t.Fatalf("with the limit off: %d", code)
		}
	}
	f.api = &daemon.API{Engine: f.engine}
	for i := range daemon.DefaultUnknownKeys {
		if code := f.send("GET", "/API/?info=none", "").Code; code != 200 {
			t.Fatalf("unknown key %d: %d", i+1, code)
		}
	}
	for _, key := range []string{"none", "K"} {
		if r := f.send("GET", "/API/?info="+key, ""); r.Code != 429 || r.Header().Get("Retry-After") == "" {
			t.Errorf("%s, after %d unknown keys: %d", key, daemon.DefaultUnknownKeys, r.Code)
		}
	}
}

// TestInFlightLimitIsOnByDefault makes as many simultaneous calls as the default limit allows.
func TestInFlightLimitIsOnByDefault(t *testing.T) {
	f := newFixture(t)
	f.importKeys(keys.Key{Code: "K"})
	for calls, want := range map[int]int{0: 503, daemon.NoLimit: 200} {
		store := newBlockingStore(f)
		f.api.Engine.Store, f.api.MaxInFlight = store, calls
		var all sync.WaitGroup
		for range daemon.DefaultMaxInFlight {
			all.Go(func() { f.send("GET", "/API/?info=K", "") })
			<-store.entered
		}
		last := make(chan int, 1)
		go func() { last <- f.send("GET", "/API/?info=K", "").Code }()
		if want == 200 {
			<-store.entered
		} else if code := <-last; code != want {
			t.Errorf("MaxInFlight is %d: one more request is answered %d", calls, code)
		}
		close(store.release)
		all.Wait()
		if want == 200 && <-last != want {
			t.Error("a request is refused without a limit")
		}
	}
}
