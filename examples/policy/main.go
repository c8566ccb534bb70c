// Policy serves upgrades and renews with a shop's own rules: a stricter password policy, and messages in
// the language of its customers.
//
//	POST /aktivieren   key, login, pwd, country    an upgrade
//	POST /erneuern     the same parameters         a renew
//
// A rule on passwords has two possible places. tasks.Rules.Password is the rule for a renew. Engine.Accept
// checks it in a fixed order with all the other reasons to refuse. The host checks its own rules before it
// calls the engine, as checkAccount does here. Keep such a rule free of side effects, because the client that sent
// the password may not even have a key.
//
// Messages are not a setting. The engine refuses with a tasks.Refusal. Its value is a stable code, and its
// Error method returns the sentence of keyseat's API documentation. To use other sentences, map the code to
// them. /API/ itself returns exactly the documented sentences, because its clients compare them. One of them
// names ten characters as the minimum, even if the rules require more. So mount /API/ only with the default
// rules.
//
//	go run ./examples/policy
//	curl -d key=MEIN-SCHLUESSEL -d login=anna@example.com -d 'pwd=long enough, 1' -d country=DE http://127.0.0.1:8080/aktivieren
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

// rules returns keyseat's default rules with a longer minimum for passwords.
func rules() tasks.Rules {
	r := tasks.DefaultRules()
	r.Password.Length = 14
	return r
}

// open returns an engine on a store in memory, with a plan and two keys.
func open(ctx context.Context) (tasks.Engine, error) {
	var master [keyring.KeySize]byte
	_, _ = rand.Read(master[:]) // never fails
	store := memory.New(time.Now)
	engine := daemon.NewEngine(store, simulator.Connector{}, keyring.New(master), rules())
	err := store.EditPlans(ctx, []stock.PlanEdit{stock.NewPlanEdit("plan-1", "DE", 5)})
	if err != nil {
		return engine, err
	}
	batch := adminstore.ImportBatch{ID: "my-first-order", Type: tasks.EventIssued}
	return engine, store.ImportKeys(ctx, batch, adminstore.Rows(
		keys.Key{Code: "MEIN-SCHLUESSEL", Status: keys.Active},
		keys.Key{Code: "BENUTZT", Status: keys.Success, Used: true},
	))
}

func run(ctx context.Context) error {
	engine, err := open(ctx)
	if err != nil {
		return err
	}
	pool := worker.New(engine)
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: routes(engine, pool.Wake), ReadTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	err = pool.Run(ctx, 10*time.Second)
	if listen := <-failed; !errors.Is(listen, http.ErrServerClosed) {
		err = errors.Join(err, listen)
	}
	return err
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
