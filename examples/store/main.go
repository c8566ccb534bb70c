// Store serves keyseat's API from a custom store: a JSON file that each write replaces.
//
// The store is simple and slow, because each call encodes the whole state. It suits a shop of a few hundred keys that
// wants a readable file. It also shows that a store only keeps, finds and compares values. The rules are in the package
// tasks.
//
//	store.go    tasks.Store: the methods for requests and workers, and the file
//	admin.go    adminstore.AdminStore: independent methods that list, find or import
//
// tasks.Store and adminstore.AdminStore document the contracts. The suite in adapters/storetest checks that a store
// follows the contracts:
//
//	go run ./examples/store shop.json
//	go test ./examples/store
//
// Only one process at a time may use the file. The engine's sealer encrypts secrets before the store sees
// them. Each start makes a new master key here, so a later start cannot decrypt tasks of an earlier one. In
// production, use adapters/keyring with a file of keys.
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
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// serve registers the API of the store on mux, and carries out accepted tasks until the context ends.
func serve(ctx context.Context, s *store, mux *http.ServeMux) error {
	var master [keyring.KeySize]byte
	_, _ = rand.Read(master[:]) // never fails
	engine := daemon.NewEngine(s, simulator.Connector{}, keyring.New(master), tasks.DefaultRules())
	pool := worker.New(engine)
	api := &daemon.API{Engine: engine, Wake: pool.Wake}
	api.Register(mux)
	return pool.Run(ctx, 10*time.Second)
}

// fill makes a plan and issues a key at the first start. At later starts it does nothing.
func fill(ctx context.Context, s *store) error {
	key := keys.Key{Code: "MY-FIRST-KEY", Status: keys.Active}
	batch := adminstore.ImportBatch{ID: "my-first-order", Type: tasks.EventIssued}
	err := s.ImportKeys(ctx, batch, adminstore.Rows(key))
	if errors.Is(err, adminstore.ErrBatch) {
		return nil
	}
	return errors.Join(err, s.EditPlans(ctx, []stock.PlanEdit{stock.NewPlanEdit("plan-1", "US", 5)}))
}

func run(ctx context.Context, path string) error {
	s, err := open(path)
	if err != nil {
		return err
	}
	if err := fill(ctx, s); err != nil {
		return err
	}
	mux := http.NewServeMux()
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() { fmt.Println(server.ListenAndServe()) }()
	fmt.Println("try http://127.0.0.1:8080/API/?info=MY-FIRST-KEY, and look into", path)
	return serve(ctx, s, mux)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: store FILE")
		os.Exit(2)
	}
	if err := run(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
