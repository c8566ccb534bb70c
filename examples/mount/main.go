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
// writes in the transaction. An engine on that store makes the same decisions as any other engine. The host then has
// two duties. It wakes the worker pool after the commit, because no worker sees the task before the commit. It rolls
// back after an error, because a database may refuse every statement after a failed one.
//
//	go run ./examples/mount shop.db
//	curl -d account=anna -d key=ANNAS-KEY -d login=anna@example.com -d pwd=secret http://127.0.0.1:8080/buy
//
// The upgrade may still fail later, for example because all slots are taken. The "info" call of the API and the
// webhooks of keyseatd report the failure, and the shop must then return the payment.
//
// Each start makes a new master key here. So a later start cannot decrypt a task that was left open. In
// production, use adapters/keyring with a file of keys.
package main

import (
	"context"
	"crypto/rand"
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

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// openShop opens the shop's database. [bunstore.New] requires the options in the URL. It also requires that other users
// of the machine cannot read the file.
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

// A wallet is the shop's own table.
type wallet struct {
	Account string `bun:",pk"`
	Credit  int
}

// price is the credit that an upgrade costs.
const price = 3

// A shop has one database, and an engine whose store is in that database.
type shop struct {
	db     *bun.DB
	store  *bunstore.Store
	engine tasks.Engine
	wake   func() // wakes the worker pool
}

func newShop(ctx context.Context, db *bun.DB) (*shop, error) {
	// The store does not close db, because this function's caller has opened db.
	store, err := bunstore.New(db) //nolint:contextcheck // it only reads the settings of an open file
	if err != nil {
		return nil, err
	}
	if err := store.Migrate(ctx); err != nil {
		return nil, err
	}
	var master [keyring.KeySize]byte
	_, _ = rand.Read(master[:]) // never fails
	engine := daemon.NewEngine(store, simulator.Connector{}, keyring.New(master), tasks.DefaultRules())
	return &shop{db: db, store: store, engine: engine}, nil
}

var errCredit = errors.New("there is not enough credit")

// upgrade takes the price and stores the upgrade, both or neither.
func (s *shop) upgrade(ctx context.Context, account string, q tasks.Request) error {
	err := s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		paid, err := tx.NewUpdate().Model((*wallet)(nil)).Set("credit = credit - ?", price).
			Where("account = ? AND credit >= ?", account, price).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := paid.RowsAffected(); err != nil || n == 0 {
			return errors.Join(errCredit, err)
		}
		engine := s.engine
		engine.Store = s.store.In(tx)
		return engine.Accept(ctx, q) // a refusal rolls back the payment
	})
	if err == nil {
		s.wake()
	}
	return err
}

// buy is the shop's own handler. It turns errors into the shop's own responses.
func (s *shop) buy(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	code, err := keys.ParseTyped(r.PostFormValue("key"))
	if err == nil {
		err = s.upgrade(r.Context(), r.PostFormValue("account"), tasks.Request{
			Kind: tasks.Upgrade, Code: code, Country: "US",
			Account: tasks.Account{Login: tasks.NewSecret(r.PostFormValue("login")), Password: tasks.NewSecret(r.PostFormValue("pwd"))},
		})
	}
	refusal, refused := errors.AsType[tasks.Refusal](err)
	switch {
	case err == nil:
		w.WriteHeader(http.StatusAccepted)
	case errors.Is(err, errCredit):
		http.Error(w, err.Error(), http.StatusPaymentRequired)
	case refused:
		http.Error(w, refusal.Error(), http.StatusConflict)
	case errors.Is(err, keys.ErrCode):
		http.Error(w, err.Error(), http.StatusBadRequest)
	default: // a real shop logs the error
		http.Error(w, "try again later", http.StatusServiceUnavailable)
	}
}

// fill makes a plan, a key and a wallet at the first start. At later starts it does nothing.
func (s *shop) fill(ctx context.Context) error {
	key := keys.Key{Code: "ANNAS-KEY", Status: keys.Active}
	batch := adminstore.ImportBatch{ID: "annas-order", Type: tasks.EventIssued}
	err := s.store.ImportKeys(ctx, batch, adminstore.Rows(key))
	if errors.Is(err, adminstore.ErrBatch) {
		return nil
	}
	if err == nil {
		err = s.store.EditPlans(ctx, []stock.PlanEdit{stock.NewPlanEdit("plan-1", "US", 5)})
	}
	if err == nil {
		_, err = s.db.NewInsert().Model(&wallet{"anna", 5}).Returning("NULL").Exec(ctx)
	}
	return err
}
