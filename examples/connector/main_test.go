package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/daemon/client"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// TestContract runs the suite. It passes the suite a login for each outcome, or "" if the provider does not
// know the outcome.
func TestContract(t *testing.T) {
	connectortest.Run(t, func(testing.TB) connectortest.Subject {
		fast := newProvider(10 * time.Millisecond)
		return connectortest.Subject{
			Connector: connector{fast},
			Slow:      connector{newProvider(time.Hour)},
			Effects: func(key string) int {
				fast.mu.Lock()
				defer fast.mu.Unlock()
				return fast.joined[key]
			},
			Login: func(_ tasks.Kind, o tasks.Outcome) string {
				for result, outcome := range outcomes {
					if outcome == o {
						return strings.ReplaceAll(result, " ", "_") + "@example.com"
					}
				}
				return ""
			},
		}
	})
}

func TestServe(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	mux, done := http.NewServeMux(), make(chan error, 1)
	go func() { done <- serve(ctx, connector{newProvider(0)}, mux) }()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { mux.ServeHTTP(w, r) }))
	defer server.Close()
	c, err := client.New(server.URL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	account := tasks.Account{Login: tasks.NewSecret("a@example.com"), Password: tasks.NewSecret("p")}
	for err = c.Upgrade(ctx, "MY-FIRST-KEY", account, "US"); err != nil && ctx.Err() == nil; {
		err = c.Upgrade(ctx, "MY-FIRST-KEY", account, "US") // the API is mounted soon
	}
	if info, err := c.Wait(ctx, "MY-FIRST-KEY"); err != nil || info.Status != keys.Success {
		t.Errorf("%+v, %v", info, err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
