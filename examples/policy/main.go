// Policy serves upgrades and renews in a shop's own way: with a stricter password policy, and with
// messages in its customers' language.
//
//	POST /aktivieren   key, login, pwd, country    an upgrade
//	POST /erneuern     the same                    a renew
//
// There are two places for a rule on passwords. tasks.Rules.Password is the one on a renew, which
// Engine.Accept looks at in its turn among all the reasons to refuse. A rule that keyseat does not know is the
// host's to check before it asks the desk, as refuse does here; keep such a rule free of side
// effects, because it sees a password of somebody who may not even have a key.
//
// Messages are not set anywhere: the desk refuses with a tasks.Refusal, whose value is a stable code
// and whose Error is the sentence of keyseat's API documentation. Who wants other sentences maps the code to
// them. /API/ itself says the documented ones to the letter, because its clients compare them; mind
// that it would name ten characters as the least where the rules ask for more, so do not mount it with other rules
// than the default ones.
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
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// rules are keyseat's, but for the length of a password.
func rules() tasks.Rules {
	r := tasks.DefaultRules()
	r.Password.Length = 14
	return r
}

// open makes a shop on a store in memory, with a plan and some keys.
func open(ctx context.Context) (tasks.Engine, error) {
	var master [keyring.KeySize]byte
	_, _ = rand.Read(master[:]) // never fails
	store := memory.New(time.Now)
	engine := daemon.NewEngine(store, simulator.Connector{}, keyring.New(master), rules())
	err := store.EditPlans(ctx, []stock.PlanEdit{{ID: "plan-1", Country: new(stock.Country("DE")), Size: new(5)}})
	if err != nil {
		return engine, err
	}
	batch := tasks.ImportBatch{ID: "my-first-order", Type: tasks.EventIssued}
	return engine, store.ImportKeys(ctx, batch, func(yield func(keys.Key, error) bool) {
		_ = yield(keys.Key{Code: "MEIN-SCHLUESSEL", Status: keys.Active}, nil) &&
			yield(keys.Key{Code: "BENUTZT", Status: keys.Success, Used: true}, nil)
	})
}

func run(ctx context.Context) error {
	engine, err := open(ctx)
	if err != nil {
		return err
	}
	crew := daemon.NewCrew(engine)
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: routes(engine, crew.Wake), ReadTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	err = crew.Run(ctx, 10*time.Second)
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
