package worker_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A fixture is a memory store with keys and plans, and the engine of a worker pool on it.
type fixture struct {
	*testing.T
	store  *memory.Store
	front  tasks.Engine // accepts tasks
	engine tasks.Engine // of the pools; tests change its store
	wake   func()       // of the latest pool
}

// noSealer is a sealer that does not encrypt.
type noSealer struct{}

func (noSealer) Seal(plain, _ []byte) ([]byte, error)  { return plain, nil }
func (noSealer) Open(sealed, _ []byte) ([]byte, error) { return sealed, nil }

func newFixture(t *testing.T) *fixture {
	store := memory.New(time.Now)
	engine := daemon.NewEngine(store, nil, noSealer{}, tasks.DefaultRules())
	return &fixture{T: t, store: store, front: engine, engine: engine, wake: func() {}}
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) importKeys(codes ...keys.Code) {
	f.Helper()
	f.must(f.store.ImportKeys(f.Context(), adminstore.ImportBatch{ID: f.engine.NewID(), Type: tasks.EventImported}, func(yield func(keys.Key, error) bool) {
		for _, code := range codes {
			if !yield(keys.Key{Code: code, Status: keys.Active}, nil) {
				return
			}
		}
	}))
}

func (f *fixture) addPlan(id string, slots int) {
	f.Helper()
	address := id + " street"
	f.must(f.store.EditPlans(f.Context(), []stock.PlanEdit{{ID: id, Country: new(stock.Country("US")), Size: &slots, Address: &address}}))
}

// upgrade accepts an upgrade, and wakes the pool.
func (f *fixture) upgrade(code keys.Code, login string) {
	f.Helper()
	account := tasks.Account{Login: tasks.NewSecret(login), Password: tasks.NewSecret("p")}
	f.must(f.front.Accept(f.Context(), tasks.Request{Kind: tasks.Upgrade, Code: code, Country: "US", Account: account}))
	f.wake()
}

// addUpgrades creates n waiting upgrades of the keys K0, K1 and so on.
func (f *fixture) addUpgrades(n int) {
	f.Helper()
	f.addPlan("p", n)
	for i := range n {
		code := keys.Code(fmt.Sprint("K", i))
		f.importKeys(code)
		f.upgrade(code, string(code)+"@example.com") // a login is tested a few times only
	}
}

func (f *fixture) status(code keys.Code) keys.Status {
	f.Helper()
	key, err := f.front.Info(f.Context(), code)
	f.must(err)
	return key.Status
}

func (f *fixture) snapshot(code keys.Code) tasks.Snapshot {
	f.Helper()
	s, err := f.front.Snapshot(f.Context(), code)
	f.must(err)
	return s
}

// connector is a function as a [tasks.Connector].
type connector func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult

func (c connector) Do(ctx context.Context, r tasks.ConnectorRequest) tasks.ConnectorResult {
	return c(ctx, r)
}

var success = tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success}

// run runs a worker pool. The returned function stops it and returns the error of Run.
func (f *fixture) run(c tasks.Connector, set ...func(*worker.Pool)) (stop func() error) {
	f.engine.Connector = c
	pool := worker.New(f.engine)
	f.wake = pool.Wake
	for _, s := range set {
		s(pool)
	}
	ctx, cancel := context.WithCancel(f.Context())
	done := make(chan error, 1)
	go func() { done <- pool.Run(ctx, 25*time.Second) }()
	return func() error {
		cancel()
		return <-done
	}
}
