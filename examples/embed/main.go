// Embed serves keyseat's API from your own mux, with a store in memory and a simulated connector. In
// production, use a store of adapters/bunstore and your own connector instead.
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
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// embed mounts the API, and carries out accepted tasks until the context ends.
func embed(ctx context.Context, mux *http.ServeMux) error {
	var master [keyring.KeySize]byte
	rand.Read(master[:])
	store := memory.New(time.Now)
	engine := daemon.NewEngine(store, simulator.Connector{}, keyring.New(master), tasks.DefaultRules())
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
	if err := embed(ctx, mux); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
