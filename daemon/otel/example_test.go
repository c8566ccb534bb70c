package otel_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/keyseat/keyseat/adapters/batchstore"
	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/otel"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// tracedShop returns an API and a worker pool whose spans an exporter writes to out.
func tracedShop(ctx context.Context, out io.Writer) (http.Handler, *worker.Pool, error) {
	exporter, err := stdouttrace.New(stdouttrace.WithWriter(out))
	if err != nil {
		return nil, nil, err
	}
	tracer, err := otel.New(sdk.NewTracerProvider(sdk.WithSyncer(exporter))) // in production: sdk.WithBatcher
	if err != nil {
		return nil, nil, err
	}
	store := memory.New(time.Now)
	err = errors.Join(store.EditPlans(ctx, []stock.PlanEdit{stock.NewPlanEdit("plan-1", "US", 5)}),
		store.ImportKeys(ctx, adminstore.ImportBatch{ID: "my-first-order", Type: tasks.EventIssued},
			adminstore.Rows(keys.Key{Code: "MY-FIRST-KEY", Status: keys.Active})))
	batches := batchstore.New(tracer.Batches(store), batchstore.Options{})
	engine := daemon.NewEngine(tracer.Store(batches), tracer.Connector(simulator.Connector{}), keyring.New([keyring.KeySize]byte{}), tasks.DefaultRules())
	pool := worker.New(engine)
	api := &daemon.API{Engine: engine, Observe: tracer.ObserveRequest, Wake: pool.Wake}
	mux := http.NewServeMux()
	mux.Handle("/API", tracer.Handler(api))
	mux.Handle("/API/", tracer.Handler(api))
	return mux, pool, err
}

// To trace a daemon, wrap the ports and the handler. Replace the buffer by os.Stdout to see every span with its
// attributes. Here, only the names of the spans are printed, and the names of the spans that they link to.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var out bytes.Buffer
	api, pool, err := tracedShop(ctx, &out)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	target := "/API/?upgrade=MY-FIRST-KEY&login=a@example.com&pwd=secret-word&country=US"
	api.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", target, nil))
	pool.Observe = func(tasks.Report) { stop() } // after the first task
	fmt.Println("drained:", pool.Run(ctx, time.Second))
	printSpans(&out)
	// Output:
	// drained: <nil>
	// batch.apply, a child of store.apply
	// store.apply, a child of GET /API/
	// GET /API/
	// store.lease
	// attempt, linked to store.apply
	// batch.apply, a child of store.apply
	// store.apply, linked to store.apply, linked to attempt
}

// A spanID is the id of a span.
type spanID struct{ SpanID string }

// A printedSpan is a part of what the exporter writes of a span.
type printedSpan struct {
	Name                string
	SpanContext, Parent spanID
	Links               []struct{ SpanContext spanID }
}

// printSpans prints the spans in the order of their ends.
func printSpans(out io.Reader) {
	var spans []printedSpan
	names, decoder := map[spanID]string{}, json.NewDecoder(out)
	for decoder.More() {
		var span printedSpan
		if err := decoder.Decode(&span); err != nil {
			fmt.Println(err)
			return
		}
		spans, names[span.SpanContext] = append(spans, span), span.Name
	}
	for _, span := range spans {
		fmt.Print(span.Name)
		if parent := names[span.Parent]; parent != "" {
			fmt.Print(", a child of ", parent)
		}
		for _, link := range span.Links {
			fmt.Print(", linked to ", names[link.SpanContext])
		}
		fmt.Println()
	}
}
