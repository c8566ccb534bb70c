// Mount adds keyseat to a shop that exists: its mux serves /API/ beside the shop's own pages, its
// database holds keyseat's tables (which all begin with keyseat_) beside its own, and one transaction
// of its writes to both.
//
//	GET  /          the shop's own
//	POST /buy       pays with credit and starts the upgrade, both or neither
//	     /API/      keyseat's
//
// The transaction is what there is to see here. Without it a crash between the two writes would leave
// a customer who has paid for nothing, or one who has got something for nothing. bunstore's Store.In
// is a store that writes in the transaction; a desk on it makes the same decisions as any other. Two
// things are the host's then: to wake the crew after the commit, because nothing is there before it,
// and to roll back after an error, because a database that has refused a statement does no more.
//
//	go run ./examples/mount shop.db
//	curl -d account=anna -d key=ANNAS-KEY -d login=anna@example.com -d pwd=secret http://127.0.0.1:8080/buy
//
// What is bought may still fail minutes later, or for want of a slot at once: the key's info, or a
// webhook of keyseatd, says so, and then it is for the shop to pay back.
//
// The sealing key is made anew by each start here, so that a task which a stop leaves open is never
// opened again: use adapters/keyring with a file of keys for the real thing.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver

	"github.com/keyseat/keyseat/daemon"
)

// openShop opens the shop's database. What is in the URL is what bunstore.New asks for.
func openShop(ctx context.Context, path string) (*bun.DB, error) {
	pool, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
	if err != nil {
		return nil, err
	}
	db := bun.NewDB(pool, sqlitedialect.New())
	_, err = db.NewCreateTable().Model((*wallet)(nil)).IfNotExists().Exec(ctx)
	return db, err
}

// mount puts everything into the shop's mux, and gives the crew to be run.
func mount(s *shop, mux *http.ServeMux) *daemon.Crew {
	crew := daemon.NewCrew(s.engine)
	s.wake = crew.Wake
	api := &daemon.API{Engine: s.engine, Wake: crew.Wake}
	api.Register(mux)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "the shop's own page") })
	mux.HandleFunc("POST /buy", s.buy)
	return crew
}

func run(ctx context.Context, path string) (err error) {
	db, err := openShop(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s, err := newShop(ctx, db)
	if err != nil {
		return err
	}
	if err := s.stock(ctx); err != nil {
		return err
	}
	mux := http.NewServeMux()
	crew := mount(s, mux)
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() { fmt.Println(server.ListenAndServe()) }()
	return crew.Run(ctx, 10*time.Second)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: mount FILE")
		os.Exit(2)
	}
	if err := run(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
