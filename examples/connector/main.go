// Connector shows a custom connector, for a provider without an HTTP service. The provider here has a client library in
// Go. Each request to the provider has a unique reference, and the provider takes seconds to process it.
//
//	Do ─▶ provider.Status(reference) ── not found ─▶ provider.Submit(reference, …) ─▶ Pending
//	                │
//	                ├── in progress ─▶ Pending: call again later
//	                └── ended ───────▶ Settled, with keyseat's outcome
//
// The documentation of tasks.Connector lists a connector's duties. The most important ones are:
//
//   - The same request twice has one effect. The connector sends ConnectorRequest.IdempotencyKey to the
//     provider as the reference, so that of two simultaneous processes only one can submit.
//   - If the effect is uncertain, the result is tasks.Unknown. For example, a Submit that timed out may have
//     arrived. A guess would sell a slot twice, or lose one.
//   - A result contains no secret.
//
// The suite in adapters/connectortest checks these duties:
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
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A connector calls the provider. It has no state of its own, because the provider knows all earlier calls.
type connector struct{ provider *provider }

var _ tasks.Connector = connector{}

// outcomes maps the provider's results to keyseat's outcomes. If a result is missing here, the connector returns it
// unchanged, as an unknown outcome. keyseat then ends the task with a system error, and logs an error.
var outcomes = map[string]tasks.Outcome{
	"joined":          tasks.Success,
	"renewed":         tasks.Success,
	"wrong password":  tasks.InvalidCredentials,
	"account blocked": tasks.AccountLocked,
	"no seat":         tasks.PlanFull,
	"is a member":     tasks.AlreadyMember,
	"not expired":     tasks.StillPremium,
}

// Do implements [tasks.Connector].
func (c connector) Do(ctx context.Context, r tasks.ConnectorRequest) tasks.ConnectorResult {
	result, err := c.provider.Status(ctx, r.IdempotencyKey())
	switch {
	case errors.Is(err, errNoReference):
		return c.submit(ctx, r)
	case err != nil: // the look-up failed, so this attempt has submitted nothing
		return tasks.ConnectorResult{Effect: tasks.None, Note: "the provider does not answer"}
	case result == "":
		return tasks.ConnectorResult{Effect: tasks.Pending, RetryAfter: time.Second}
	}
	outcome, known := outcomes[result]
	if !known {
		outcome = tasks.Outcome(result)
	}
	return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: outcome}
}

// submit starts the work. A later attempt returns the result of the work.
func (c connector) submit(ctx context.Context, r tasks.ConnectorRequest) tasks.ConnectorResult {
	err := c.provider.Submit(ctx, joinRequest{
		Reference: r.IdempotencyKey(), Group: r.Plan.ID, Renew: r.Kind == tasks.Renew,
		Login: r.Account.Login.Reveal(), Password: r.Account.Password.Reveal(), NewEmail: r.Account.NewEmail.Reveal(),
		NewPassword: r.Account.NewPassword.Reveal(),
	})
	switch {
	case err == nil, errors.Is(err, errDuplicate): // a duplicate comes from another process or an earlier attempt
		return tasks.ConnectorResult{Effect: tasks.Pending, RetryAfter: time.Second}
	case errors.Is(err, errInvalid):
		return tasks.ConnectorResult{Effect: tasks.Refused, Note: "the provider refuses such a request"}
	}
	return tasks.ConnectorResult{Effect: tasks.Unknown, Note: "it is unknown whether the provider received the request"}
}

// serve registers the API on mux, and carries out accepted tasks with the connector c until the context ends.
func serve(ctx context.Context, c tasks.Connector, mux *http.ServeMux) error {
	var master [keyring.KeySize]byte
	_, _ = rand.Read(master[:]) // never fails
	store := memory.New(time.Now)
	engine := daemon.NewEngine(store, c, keyring.New(master), tasks.DefaultRules())
	pool := worker.New(engine)
	api := &daemon.API{Engine: engine, Wake: pool.Wake}
	api.Register(mux)
	err := store.EditPlans(ctx, []stock.PlanEdit{stock.NewPlanEdit("plan-1", "US", 5)})
	if err != nil {
		return err
	}
	key := keys.Key{Code: "MY-FIRST-KEY", Status: keys.Active}
	batch := adminstore.ImportBatch{ID: "my-first-order", Type: tasks.EventIssued}
	err = store.ImportKeys(ctx, batch, adminstore.Rows(key))
	return errors.Join(err, pool.Run(ctx, 10*time.Second))
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	mux := http.NewServeMux()
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() { fmt.Println(server.ListenAndServe()) }()
	fmt.Println("try http://127.0.0.1:8080/API/?info=MY-FIRST-KEY")
	if err := serve(ctx, connector{newProvider(3 * time.Second)}, mux); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
