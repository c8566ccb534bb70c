// Connector shows a custom connector, for a provider without an HTTP service. The provider here has a
// client library in Go. It joins members under a reference, and takes seconds to do so.
//
//	Do ─▶ provider.Status(reference) ── not found ─▶ provider.Submit(reference, …) ─▶ Pending
//	                │
//	                ├── in progress ─▶ Pending: call again later
//	                └── ended ───────▶ Settled, with keyseat's outcome
//
// The documentation of tasks.Connector lists a connector's duties. The most important ones are:
//
//   - The same request twice has one effect. The connector sends ConnectorRequest.IdempotencyKey to the
//     provider as the reference, so that of two simultaneous processes only one can submit.
//   - If the effect is uncertain, the result is tasks.Unknown. For example, a Submit that timed out may have
//     arrived. A guess would sell a slot twice, or lose one.
//   - A result contains no secret.
//
// The suite in adapters/connectortest checks them:
//
//	go run ./examples/connector
//	go test ./examples/connector
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// serve mounts the API on the connector, and carries out accepted tasks until the context ends.
func serve(ctx context.Context, c tasks.Connector, mux *http.ServeMux) error {
	var master [keyring.KeySize]byte
	_, _ = rand.Read(master[:]) // never fails
	store := memory.New(time.Now)
	engine := daemon.NewEngine(store, c, keyring.New(master), tasks.DefaultRules())
	pool := worker.New(engine)
	api := &daemon.API{Engine: engine, Wake: pool.Wake}
	api.Register(mux)
	err := store.EditPlans(ctx, []stock.PlanEdit{stock.NewPlanEdit("plan-1", "US", 5)})
	if err != nil {
		return err
	}
	key := keys.Key{Code: "MY-FIRST-KEY", Status: keys.Active}
	batch := adminstore.ImportBatch{ID: "my-first-order", Type: tasks.EventIssued}
	err = store.ImportKeys(ctx, batch, adminstore.Rows(key))
	return errors.Join(err, pool.Run(ctx, 10*time.Second))
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	mux := http.NewServeMux()
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() { fmt.Println(server.ListenAndServe()) }()
	fmt.Println("try http://127.0.0.1:8080/API/?info=MY-FIRST-KEY")
	if err := serve(ctx, connector{newProvider(3 * time.Second)}, mux); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
