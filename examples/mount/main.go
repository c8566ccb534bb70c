// Mount adds keyseat to an existing shop. The shop's mux serves /API/ and the shop's own pages. The shop's
// database contains keyseat's tables (all their names begin with keyseat_) and its own. One transaction of
// the shop writes to both.
//
//	GET  /          the shop's own page
//	POST /buy       pays with credit and starts the upgrade, both or neither
//	     /API/      keyseat's API
//
// The transaction is the point of this example. Without it, a crash between the two writes would leave
// a payment without an upgrade, or an upgrade without a payment. The method Store.In of bunstore returns a store that
// writes in the transaction, and an engine on it makes the same decisions as any other. The host then has
// two duties. It wakes the worker pool after the commit, because no worker sees the task before. It rolls
// back after an error, because a database may refuse every statement after a failed one.
//
//	go run ./examples/mount shop.db
//	curl -d account=anna -d key=ANNAS-KEY -d login=anna@example.com -d pwd=secret http://127.0.0.1:8080/buy
//
// The upgrade may still fail minutes later, or soon if all slots are taken. The key's info and a webhook of
// keyseatd report that, and the shop must then return the payment.
//
// Each start makes a new master key here. So a later start cannot decrypt a task that was left open. In
// production, use adapters/keyring with a file of keys.
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
	"github.com/keyseat/keyseat/daemon/worker"
)

// openShop opens the shop's database. bunstore.New requires the options in the URL, and a file that other users of
// the machine cannot read.
func openShop(ctx context.Context, path string) (*bun.DB, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		return nil, err
	}
	pool, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=secure_delete(1)")
	if err != nil {
		return nil, err
	}
	db := bun.NewDB(pool, sqlitedialect.New())
	_, err = db.NewCreateTable().Model((*wallet)(nil)).IfNotExists().Exec(ctx)
	return db, err
}

// mount registers all handlers in the shop's mux. It returns the worker pool, which the caller runs.
func mount(s *shop, mux *http.ServeMux) *worker.Pool {
	pool := worker.New(s.engine)
	s.wake = pool.Wake
	api := &daemon.API{Engine: s.engine, Wake: pool.Wake}
	api.Register(mux)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "the shop's own page") })
	mux.HandleFunc("POST /buy", s.buy)
	return pool
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
	if err := s.fill(ctx); err != nil {
		return err
	}
	mux := http.NewServeMux()
	pool := mount(s, mux)
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() { fmt.Println(server.ListenAndServe()) }()
	return pool.Run(ctx, 10*time.Second)
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
