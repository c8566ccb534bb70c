package daemon_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/client"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// stocked returns a store with a plan of two slots and one key.
func stocked(ctx context.Context) *memory.Store {
	store := memory.New(time.Now)
	_ = store.EditPlans(ctx, []stock.PlanEdit{stock.NewPlanEdit("elm", "US", 2)})
	_ = store.ImportKeys(ctx, adminstore.ImportBatch{ID: "order-1", Type: tasks.EventIssued}, adminstore.Rows(keys.Key{Code: "SOLD-1", Status: keys.Active}))
	return store
}

// A program of your own mounts the API next to its other handlers, and runs a worker pool.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var master [keyring.KeySize]byte // a real program fills it with crypto/rand or from a file
	engine := daemon.NewEngine(stocked(ctx), simulator.Connector{}, keyring.New(master), tasks.DefaultRules())
	pool := worker.New(engine)
	ended := make(chan struct{})
	pool.Observe = func(tasks.Report) { close(ended) } // only for this example, which has one task
	mux := http.NewServeMux()
	api := &daemon.API{Engine: engine, Wake: pool.Wake}
	api.Register(mux)

	worked := make(chan error)
	go func() { worked <- pool.Run(ctx, 10*time.Second) }()

	ask := func(form url.Values) {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/API/", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Body)
	}
	ask(url.Values{"upgrade": {"SOLD-1"}, "login": {"ann@example.com"}, "pwd": {"hunter2"}, "country": {"US"}})
	<-ended
	ask(url.Values{"stock": {""}})

	stop()
	fmt.Println("stopped:", <-worked)
	// Output:
	// {"status":"success","message":"Upgrade request sent successfully, your account will be Premium in a few minutes, you can check the status via the key info"}
	// [{"country":"United States","country_code":"US","slots":1}]
	// stopped: <nil>
}

// A daemon of your own has listeners, and stops in order when its context ends.
func ExampleServer() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	public, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	engine := daemon.NewEngine(stocked(ctx), simulator.Connector{}, plain{}, tasks.DefaultRules())
	pool := worker.New(engine)
	server := &daemon.Server{
		API: &daemon.API{Engine: engine, Wake: pool.Wake}, Pool: pool,
		Public: public, Drain: 10 * time.Second, Log: slog.New(slog.DiscardHandler),
	}
	ran := make(chan error)
	go func() { ran <- server.Run(ctx) }()

	fixture, err := client.New("http://"+public.Addr().String(), client.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	onSale, err := fixture.Stock(ctx)
	fmt.Println(onSale, err)
	stop()
	fmt.Println("stopped:", <-ran)
	// Output:
	// [{United States US 2}] <nil>
	// stopped: <nil>
}
