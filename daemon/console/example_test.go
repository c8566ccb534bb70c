package console_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/console"
	"github.com/keyseat/keyseat/tasks"
)

func Example() {
	store := memory.New(time.Now)
	engine := daemon.NewEngine(store, nil, nil, tasks.DefaultRules()) // it accepts nothing here
	tokens := admin.TokenList{admin.NewToken("ann", admin.Write, "a-token-of-ann-0001")}
	api := &admin.API{Engine: engine, AdminStore: store, Tokens: tokens}
	operators := console.New(console.Options{API: api, Tokens: tokens, Engine: engine, AdminStore: store, TaskStats: store})
	mux := http.NewServeMux()
	mux.Handle("/admin/v1/", api)
	mux.Handle("/", operators)

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", nil))
	fmt.Println(w.Code, w.Header().Get("Location"))
	// Output: 303 /console/signin
}
