// Connector is a connector of one's own, for a provider that is no HTTP service: here a club with a
// client library in Go, which joins members under a reference and is slow about it.
//
//	Do ─▶ club.Look(reference) ── not there ─▶ club.Join(reference, …) ─▶ Pending
//	                │
//	                ├── at work ─▶ Pending: ask again
//	                └── ended ───▶ Settled, with keyseat's word for it
//
// What a connector has to get right stands at tasks.Connector, and is three things:
//
//   - The same order twice has one effect. Order.Key names it: it goes to the provider as the
//     reference, so that two processes that ask at once cannot both join.
//   - What is not certain is tasks.Unknown: a time-out after Join was called may have joined. A guess
//     would sell a slot twice, or lose one.
//   - Nothing secret is in an answer.
//
// The suite in adapters/connectortest holds it to that:
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
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// serve mounts the API, with the connector behind it, and works until the context ends.
func serve(ctx context.Context, c tasks.Connector, mux *http.ServeMux) error {
	var master [keyring.KeySize]byte
	_, _ = rand.Read(master[:]) // never fails
	store := memory.New(time.Now)
	engine := daemon.NewEngine(store, c, keyring.New(master), tasks.DefaultRules())
	crew := daemon.NewCrew(engine)
	api := &daemon.API{Engine: engine, Wake: crew.Wake}
	api.Register(mux)
	err := store.EditPlans(ctx, []stock.PlanEdit{{ID: "plan-1", Country: new(stock.Country("US")), Size: new(5)}})
	if err != nil {
		return err
	}
	key := keys.Key{Code: "MY-FIRST-KEY", Status: keys.Active}
	batch := tasks.ImportBatch{ID: "my-first-order", Type: tasks.EventIssued}
	err = store.ImportKeys(ctx, batch, func(yield func(keys.Key, error) bool) { yield(key, nil) })
	return errors.Join(err, crew.Run(ctx, 10*time.Second))
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	mux := http.NewServeMux()
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() { fmt.Println(server.ListenAndServe()) }()
	fmt.Println("try http://127.0.0.1:8080/API/?info=MY-FIRST-KEY")
	if err := serve(ctx, connector{newClub(3 * time.Second)}, mux); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
