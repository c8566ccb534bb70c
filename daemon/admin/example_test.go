package admin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/tasks"
)

// A shop's own program mounts the API, and a client with its token creates a plan.
func Example() {
	store := memory.New(time.Now)
	engine := daemon.NewEngine(store, nil, nil, tasks.DefaultRules())
	tokens := admin.TokenList{admin.NewToken("stock keeper", admin.Write, "a-long-and-random-token")}
	mux := http.NewServeMux()
	mux.Handle("/admin/v1/", &admin.API{Engine: engine, AdminStore: store, Tokens: tokens})

	send := func(method, target, body string) {
		r := httptest.NewRequestWithContext(context.Background(), method, target, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer a-long-and-random-token")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(strings.TrimSpace(fmt.Sprint(w.Code, " ", w.Body)))
	}
	send("PUT", "/admin/v1/plans/elm", `{"country":"US","slots":6}`)
	send("GET", "/admin/v1/stock", "")
	send("PUT", "/admin/v1/plans/elm", `{"slots":-1}`)
	// Output:
	// 204
	// 200 {"stock":[{"country":"US","size":6,"free":6,"held":0,"spent":0,"suspect":0,"idle":0}]}
	// 422 {"type":"urn:keyseat:problem:field_invalid","title":"A field of the body is not valid","status":422,"detail":"slots must be 0 to 1000000","code":"field_invalid"}
}
