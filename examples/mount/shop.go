package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"

	"github.com/uptrace/bun"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A wallet is the shop's own table.
type wallet struct {
	Account string `bun:",pk"`
	Credit  int
}

// price is what an upgrade costs.
const price = 3

// A shop is one database, and an engine on it.
type shop struct {
	db     *bun.DB
	store  *bunstore.Store
	engine tasks.Engine
	wake   func() // wakes the worker pool
}

func newShop(ctx context.Context, db *bun.DB) (*shop, error) {
	// The store does not close db, because it did not open it.
	store, err := bunstore.New(db) //nolint:contextcheck // it only looks at the settings of an open file
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

// errCredit means that an account cannot pay.
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

// fill makes a plan, a key and a wallet for a try, once.
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
