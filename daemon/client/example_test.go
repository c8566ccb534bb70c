package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/client"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/tasks"
)

// shop serves both APIs, on a store in memory, until the context ends.
func shop(ctx context.Context) (base string) {
	store := memory.New(time.Now)
	engine := daemon.NewEngine(store, simulator.Connector{}, keyring.New([keyring.KeySize]byte{}), tasks.DefaultRules())
	pool := worker.New(engine)
	mux := http.NewServeMux()
	api := &daemon.API{Engine: engine, Wake: pool.Wake}
	api.Register(mux)
	mux.Handle("/admin/v1/", &admin.API{Engine: engine, AdminStore: store, Tokens: admin.TokenList{admin.NewToken("shop", admin.Write, "a-long-secret")}})
	server := httptest.NewServer(mux)
	ended := make(chan struct{})
	go func() { _ = pool.Run(ctx, time.Second); close(ended) }()
	context.AfterFunc(ctx, func() { <-ended; server.Close() })
	return server.URL
}

func Example() {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	base := shop(ctx) // instead of https://keys.example and of the daemon's admin listener

	operator, err := client.NewAdmin(base, tasks.NewSecret("a-long-secret"), client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if err := operator.EditPlan(ctx, "plan-1", client.PlanEdit{Country: new("US"), Slots: new(5), Address: new("1 Main Street")}); err != nil {
		log.Fatal(err)
	}
	issue, err := operator.Issue(ctx, "webhook-4711", client.Order{Count: 1, OrderID: "4711"})
	if err != nil {
		log.Fatal(err)
	}

	holder, err := client.New(base, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	account := tasks.Account{Login: tasks.NewSecret("anna@example.com"), Password: tasks.NewSecret("correct horse 1")}
	if err := holder.Upgrade(ctx, issue.Codes[0], account, "US"); err != nil {
		log.Fatal(err)
	}
	info, err := holder.Wait(ctx, issue.Codes[0])
	fmt.Println(info.Status, info.VerifyAddress, err)

	err = holder.Upgrade(ctx, issue.Codes[0], account, "US")
	fmt.Println(errors.Is(err, tasks.KeyUsed), err)
	// Output:
	// success 1 Main Street <nil>
	// true This key is not usable, your account is still premium, if not, renew it
}

func ExampleClient_Upgrade() {
	holder, err := client.New("https://keys.invalid", client.Options{Repeats: -1})
	if err != nil {
		log.Fatal(err)
	}
	err = holder.Upgrade(context.Background(), "MY-KEY", tasks.Account{}, "US")
	retryLater, isRetryLater := errors.AsType[*client.RetryLaterError](err)
	refused, isRefused := errors.AsType[*client.RefusedError](err)
	switch {
	case err == nil:
		fmt.Println("accepted")
	case errors.Is(err, client.ErrUnknown):
		fmt.Println("perhaps accepted: call Info in some seconds")
	case isRefused:
		fmt.Println("not accepted:", refused.Message)
	case isRetryLater:
		fmt.Println("not accepted: retry in", retryLater.RetryAfter)
	case errors.Is(err, client.ErrNoResponse):
		fmt.Println("not accepted: no response")
	}
	// Output: not accepted: no response
}
