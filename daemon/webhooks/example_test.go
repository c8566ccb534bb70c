package webhooks_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/daemon/webhooks"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// An endpoint verifies the webhooks that it gets. It gets an event when a key is issued.
func Example() {
	const secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	got := make(chan string)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		hook, _ := standard.NewWebhook(secret)
		got <- fmt.Sprint("genuine: ", hook.Verify(body, r.Header) == nil)
	}))
	defer receiver.Close()

	allowed := webhooks.Policy{Plaintext: true, Private: true} // because this receiver is on loopback
	all, err := webhooks.Parse([]byte(`[{"name": "shop", "url": "`+receiver.URL+`", "secrets": ["`+secret+`"], "events": ["key.issued"]}]`), allowed)
	if err != nil {
		fmt.Println(err)
		return
	}
	store := memory.New(time.Now)
	dispatcher := webhooks.New(store, func() ([]webhooks.Endpoint, error) { return all, nil }, webhooks.Client(allowed))
	dispatcher.Stock = store.Stock
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go dispatcher.Run(ctx, time.Second)

	for subscribers, _ := store.Subscribers(ctx); len(subscribers) == 0; subscribers, _ = store.Subscribers(ctx) {
		time.Sleep(time.Millisecond) // events before the subscription are not sent
	}
	issued := adminstore.ImportBatch{ID: "order-1", Type: tasks.EventIssued}
	_ = store.ImportKeys(ctx, issued, adminstore.Rows(keys.Key{Code: "SPRING-2026", Status: keys.Active}))
	dispatcher.Wake()
	fmt.Println(<-got)
	// Output: genuine: true
}
