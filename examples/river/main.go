// River carries out keyseat's tasks with a River queue. It is for a host that runs all its background work
// there, with the same workers, the same dashboard and the same graceful stop.
//
//	/API/ ──▶ Engine.Accept ──▶ keyseat's tables
//	            │ Wake
//	            └──▶ river: a "keyseat_work" job ──▶ Engine.Lease ─▶ Engine.Work ──▶ ended, or snoozed
//	       every 5s: one more job ────────────────────▲                          until it is due again
//
// It replaces only the package daemon/worker. The tables of keyseat stay the queue: they record
// which task is due, its lease and the number of attempts. A River job only leases the next due task. So it
// has no arguments, and a lost or repeated job does no harm. It is inserted after the task was stored, and
// not in the same transaction. A periodic job every five seconds makes up for lost jobs, and takes over
// tasks whose leases ran out because a process died.
//
//	DATABASE_URL=postgres://… go -C examples/river run .
//	go -C examples/river test ./...
//
// Each start makes a new master key here. In production, use adapters/keyring with a file of keys.
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

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// serve mounts the API on the database, and carries out accepted tasks until the context ends.
func serve(ctx context.Context, url string, c tasks.Connector, mux *http.ServeMux) (err error) {
	store, err := bunstore.Open(ctx, url, bunstore.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }() //nolint:contextcheck // the end of ctx must not interrupt closing
	if err := errors.Join(store.Migrate(ctx), fill(ctx, store)); err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	var master [keyring.KeySize]byte
	_, _ = rand.Read(master[:]) // never fails
	engine := daemon.NewEngine(store, c, keyring.New(master), tasks.DefaultRules())
	queue, err := newQueue(ctx, pool, engine)
	if err != nil {
		return err
	}
	api := &daemon.API{Engine: engine, Wake: queue.wake}
	api.Register(mux)
	return queue.run(ctx)
}

// fill makes a plan and issues a key, on the first start only.
func fill(ctx context.Context, store *bunstore.Store) error {
	key := keys.Key{Code: "MY-FIRST-KEY", Status: keys.Active}
	batch := adminstore.ImportBatch{ID: "my-first-order", Type: tasks.EventIssued}
	err := store.ImportKeys(ctx, batch, adminstore.Rows(key))
	if errors.Is(err, adminstore.ErrBatch) {
		return nil
	}
	return errors.Join(err, store.EditPlans(ctx, []stock.PlanEdit{stock.NewPlanEdit("plan-1", "US", 5)}))
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	mux := http.NewServeMux()
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() { fmt.Println(server.ListenAndServe()) }()
	fmt.Println("try http://127.0.0.1:8080/API/?info=MY-FIRST-KEY")
	if err := serve(ctx, os.Getenv("DATABASE_URL"), simulator.Connector{Delay: time.Second}, mux); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
