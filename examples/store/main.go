// Store serves keyseat's API from a store of its own making: a file of JSON that each write replaces.
//
// It is as slow as it is simple, since each call reads all that the file says: good for a shop of some
// hundred keys that wants a file which people can read, and for seeing what a store has to do. That is
// to keep, find and compare; it knows no rule. Begin at store.go, which is the file; hot.go is what a
// request and a worker need, and with the file that is 190 lines of code. The operator's side, office.go,
// is 80 more: nine calls, each of which lists, finds or brings in something, and none of which follows
// from another. What both must promise stands at tasks.Store and tasks.AdminStore, and the suite in
// adapters/storetest holds them to that:
//
//	go run ./examples/store shop.json
//	go test ./examples/store
//
// One process at a time may have the file. Secrets in it are encrypted, by the sealer of the desk,
// before the store sees them; the key here is made anew by each start, so that it opens no task of
// an earlier one: use adapters/keyring with a file of keys for the real thing.
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
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// serve mounts the API on the store and works on what it accepts until the context ends.
func serve(ctx context.Context, s *store, mux *http.ServeMux) error {
	var master [keyring.KeySize]byte
	_, _ = rand.Read(master[:]) // never fails
	engine := daemon.NewEngine(s, simulator.Connector{}, keyring.New(master), tasks.DefaultRules())
	crew := daemon.NewCrew(engine)
	api := &daemon.API{Engine: engine, Wake: crew.Wake}
	api.Register(mux)
	return crew.Run(ctx, 10*time.Second)
}

// fill makes a plan and issues a key, once: the next start finds its batch there.
func fill(ctx context.Context, s *store) error {
	key := keys.Key{Code: "MY-FIRST-KEY", Status: keys.Active}
	batch := tasks.ImportBatch{ID: "my-first-order", Type: tasks.EventIssued}
	err := s.ImportKeys(ctx, batch, func(yield func(keys.Key, error) bool) { yield(key, nil) })
	if errors.Is(err, tasks.ErrBatch) {
		return nil
	}
	return errors.Join(err, s.EditPlans(ctx, []stock.PlanEdit{{ID: "plan-1", Country: new(stock.Country("US")), Size: new(5)}}))
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
