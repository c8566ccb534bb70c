package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon/client"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// A pendingTwice is a connector whose first two attempts return Pending.
type pendingTwice struct{ attempts atomic.Int32 }

func (p *pendingTwice) Do(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	if p.attempts.Add(1) <= 2 {
		return tasks.ConnectorResult{Effect: tasks.Pending, RetryAfter: 10 * time.Millisecond}
	}
	return simulator.Connector{}.Do(ctx, o)
}

func TestRiver(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	mux, done, connector := http.NewServeMux(), make(chan error, 1), new(pendingTwice)
	url := pgtest.URL(t)
	go func() { done <- serve(ctx, url, connector, mux) }()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { mux.ServeHTTP(w, r) }))
	defer server.Close()
	c, err := client.New(server.URL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	account := tasks.Account{Login: tasks.NewSecret("a@example.com"), Password: tasks.NewSecret("correct horse 1")}
	for err = c.Upgrade(ctx, "MY-FIRST-KEY", account, "US"); err != nil && ctx.Err() == nil && len(done) == 0; time.Sleep(10 * time.Millisecond) {
		err = c.Upgrade(ctx, "MY-FIRST-KEY", account, "US") // the API is mounted soon
	}
	if info, err := c.Wait(ctx, "MY-FIRST-KEY"); err != nil || info.Status != keys.Success || connector.attempts.Load() != 3 {
		t.Errorf("%+v, %v, %d attempts", info, err, connector.attempts.Load())
	}
	if err := c.Renew(ctx, "MY-FIRST-KEY", account, "US"); err != nil {
		t.Error(err)
	}
	if info, err := c.Wait(ctx, "MY-FIRST-KEY"); err != nil || info.Status != keys.SuccessRenew {
		t.Errorf("%+v, %v", info, err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
