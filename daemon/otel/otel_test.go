package otel_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/keyseat/keyseat/adapters/batchstore"
	"github.com/keyseat/keyseat/adapters/httpconnector"
	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/storetest"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/otel"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// spans records the spans that have ended.
type spans struct{ *tracetest.InMemoryExporter }

func newTracer(t testing.TB) (*otel.Tracer, spans) {
	t.Helper()
	recorded := spans{tracetest.NewInMemoryExporter()}
	tracer, err := otel.New(sdk.NewTracerProvider(sdk.WithSyncer(recorded)))
	if err != nil {
		t.Fatal(err)
	}
	return tracer, recorded
}

// find returns the spans with a name and an attribute of the value, in the order of their ends.
func (s spans) find(name, key, value string) (found tracetest.SpanStubs) {
	for _, span := range s.GetSpans() {
		if span.Name == name && (key == "" || get(span, key) == value) {
			found = append(found, span)
		}
	}
	return found
}

func get(span tracetest.SpanStub, key string) string {
	for _, a := range span.Attributes {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return ""
}

// linked reports whether one span links to another.
func linked(from, to tracetest.SpanStub) bool {
	return slices.ContainsFunc(from.Links, func(l sdk.Link) bool { return l.SpanContext.SpanID() == to.SpanContext.SpanID() })
}

// A connectorFunc is a connector.
type connectorFunc func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult

func (f connectorFunc) Do(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	return f(ctx, o)
}

// serve returns a traced API with the plan p, the keys KEY-1 and KEY-2, and a worker pool.
func serve(t *testing.T, tracer *otel.Tracer, connector tasks.Connector) http.Handler {
	t.Helper()
	store := memory.New(time.Now)
	err := errors.Join(store.EditPlans(t.Context(), []stock.PlanEdit{stock.NewPlanEdit("p", "US", 5)}),
		store.ImportKeys(t.Context(), adminstore.ImportBatch{ID: "b", Type: tasks.EventIssued},
			adminstore.Rows(keys.Key{Code: "KEY-1", Status: keys.Active}, keys.Key{Code: "KEY-2", Status: keys.Active})))
	if err != nil {
		t.Fatal(err)
	}
	batches := batchstore.New(tracer.Batches(store), batchstore.Options{})
	rules := tasks.DefaultRules()
	rules.Backoff, rules.Attempts = time.Millisecond, 2
	engine := daemon.NewEngine(tracer.Store(batches), tracer.Connector(connector), keyring.New([keyring.KeySize]byte{}), rules)
	pool := worker.New(engine)
	pool.PollInterval = 5 * time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := pool.Run(ctx, time.Second); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	api := &daemon.API{Engine: engine, Observe: tracer.ObserveRequest, Wake: pool.Wake}
	mux := http.NewServeMux()
	mux.Handle("/", tracer.Handler(api, otelhttp.WithPropagators(propagation.TraceContext{})))
	return mux
}

// TestTracedStoreCountsLogins checks that an engine limits logins even if its store is traced.
func TestTracedStoreCountsLogins(t *testing.T) {
	tracer, _ := newTracer(t)
	store := memory.New(time.Now)
	batches := batchstore.New(tracer.Batches(store), batchstore.Options{})
	if engine := daemon.NewEngine(tracer.Store(batches), nil, nil, tasks.DefaultRules()); engine.Logins != tasks.LoginCounter(store) {
		t.Errorf("the logins are counted by %v", engine.Logins)
	}
}

func send(t *testing.T, api http.Handler, method, target string, form url.Values, header ...string) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	return w.Body.String()
}

// waitFor waits until a span of that name and attribute has ended.
func (s spans) waitFor(t *testing.T, name, key, value string) tracetest.SpanStub {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if found := s.find(name, key, value); len(found) > 0 {
			return found[0]
		}
	}
	t.Fatalf("no span %s with %s=%s", name, key, value)
	return tracetest.SpanStub{}
}

// TestUpgradeIsJoined follows an upgrade with two attempts from the client's span to its end. The second attempt
// carries its span on to the provider.
func TestUpgradeIsJoined(t *testing.T) {
	tracer, recorded := newTracer(t)
	var mu sync.Mutex
	var parents []string
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if parents = append(parents, r.Header.Get("traceparent")); len(parents) == 1 {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		_, _ = fmt.Fprint(w, `{"outcome":"success"}`)
	}))
	defer provider.Close()
	transport := otelhttp.NewTransport(http.DefaultTransport, otelhttp.WithPropagators(propagation.TraceContext{}))
	connector, err := httpconnector.New(provider.URL, httpconnector.Options{Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	api := serve(t, tracer, connector)
	const traceID, spanID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	form := url.Values{"upgrade": {"KEY-1"}, "login": {"a@example.com"}, "pwd": {"correct horse 1"}, "country": {"US"}}
	if body := send(t, api, http.MethodPost, "/API/", form, "traceparent", "00-"+traceID+"-"+spanID+"-01"); !strings.Contains(body, `"success"`) {
		t.Fatal(body)
	}
	ended := recorded.waitFor(t, "store.apply", "keyseat.events", `["ended"]`)
	request := recorded.waitFor(t, "POST /API/", "keyseat.call", "upgrade")
	accepted := recorded.waitFor(t, "store.apply", "keyseat.events", `["accepted"]`)
	attempts := recorded.find("attempt", "keyseat.task", get(accepted, "keyseat.task"))
	if request.SpanContext.TraceID().String() != traceID || request.Parent.SpanID().String() != spanID || get(request, "keyseat.status") != "success" {
		t.Errorf("the request: %+v", request)
	}
	if accepted.Parent.SpanID() != request.SpanContext.SpanID() || get(accepted, "keyseat.task") == "" || get(accepted, "keyseat.kind") != "upgrade" {
		t.Errorf("the acceptance: %+v", accepted)
	}
	batch := recorded.find("batch.apply", "keyseat.size", "1")[0]
	if batch.Parent.SpanID() != accepted.SpanContext.SpanID() {
		t.Errorf("the batch: %+v", batch)
	}
	if len(attempts) != 2 || get(attempts[0], "keyseat.effect") != "none" || attempts[0].Status.Code != codes.Error ||
		get(attempts[1], "keyseat.effect")+get(attempts[1], "keyseat.outcome")+get(attempts[1], "keyseat.attempt") != "settledsuccess2" {
		t.Fatalf("the attempts: %+v", attempts)
	}
	for _, from := range append(attempts, ended) {
		if !linked(from, accepted) || from.SpanContext.TraceID().String() == traceID {
			t.Errorf("%s: %+v", from.Name, from.Links)
		}
	}
	if !linked(attempts[1], attempts[0]) || !linked(ended, attempts[1]) || len(ended.Links) != 2 {
		t.Errorf("links to attempts: %+v, %+v", attempts[1].Links, ended.Links)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(parents) != 2 || !strings.Contains(parents[1], attempts[1].SpanContext.TraceID().String()) {
		t.Errorf("the provider received %q", parents)
	}
}

// A slowStore is a store whose Find takes a second.
type slowStore struct{ tasks.Store }

func (slowStore) Find(_ context.Context, codes []keys.Code) ([]keys.Key, error) {
	time.Sleep(time.Second)
	return make([]keys.Key, len(codes)), nil
}

// TestBatchLinksToItsCallers checks that a batch of one is a child, and that a larger batch is linked both ways.
func TestBatchLinksToItsCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer, recorded := newTracer(t)
		store := tracer.Store(batchstore.New(tracer.Batches(slowStore{}), batchstore.Options{MaxReads: 1}))
		var calls sync.WaitGroup
		for range 3 { // the first one goes alone
			calls.Go(func() { _, _ = store.Find(t.Context(), []keys.Code{"A"}) })
			synctest.Wait()
		}
		calls.Wait()
		one, two, callers := recorded.find("batch.find", "keyseat.size", "1"), recorded.find("batch.find", "keyseat.size", "2"), recorded.find("store.find", "", "")
		if len(one) != 1 || len(two) != 1 || len(callers) != 3 {
			t.Fatalf("%d, %d and %d spans", len(one), len(two), len(callers))
		}
		if one[0].Parent.SpanID() != callers[0].SpanContext.SpanID() || len(callers[0].Links) != 0 {
			t.Errorf("the batch of one: %+v", one[0])
		}
		for _, caller := range callers[1:] {
			if !linked(two[0], caller) || !linked(caller, two[0]) || len(two[0].Links) != 2 || two[0].Parent.IsValid() {
				t.Errorf("the batch of two: %+v, %+v", two[0], caller)
			}
		}
	})
}

// TestTasksAreForgotten checks that an ended task, a refused one and the oldest of many leave no link.
func TestTasksAreForgotten(t *testing.T) {
	tracer, recorded := newTracer(t)
	store := tracer.Store(applied{})
	connector := tracer.Connector(connectorFunc(func(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult {
		return tasks.ConnectorResult{Effect: tasks.Pending}
	}))
	write := func(id string, version int64, ended time.Time) {
		task := tasks.Task{ID: id, Version: version, EndedAt: ended}
		_, _ = store.Apply(t.Context(), []tasks.Change{{ID: id, Task: &task}})
	}
	attempt := func(id string) int {
		connector.Do(t.Context(), tasks.ConnectorRequest{Task: id})
		found := recorded.find("attempt", "keyseat.task", id)
		return len(found[len(found)-1].Links)
	}
	for _, id := range []string{"open", "ended", "refused", "oldest"} {
		write(id, 0, time.Time{})
	}
	write("ended", 1, time.Unix(1, 0))
	for id, want := range map[string]int{"open": 1, "ended": 0, "refused": 0, "unknown": 0} {
		if got := attempt(id); got != want {
			t.Errorf("%s: %d links", id, got)
		}
	}
	recorded.Reset()
	for i := range 10_000 {
		write(fmt.Sprint(i), 0, time.Time{})
	}
	if attempt("oldest") != 0 || attempt("9999") != 1 {
		t.Error("the oldest task is remembered, or the newest is not")
	}
}

// applied is a store that makes each change, except one with the id "refused".
type applied struct{ tasks.Store }

func (applied) Apply(_ context.Context, changes []tasks.Change) ([]error, error) {
	if changes[0].ID == "refused" {
		return []error{tasks.ErrConflict}, nil
	}
	return make([]error, len(changes)), nil
}

// traced is a store with both ports, of which the tracer decorates one.
type traced struct {
	tasks.Store
	adminstore.AdminStore
}

// TestStore checks that the decorators change no result.
func TestStore(t *testing.T) {
	storetest.Run(t, func(t testing.TB) storetest.Store {
		tracer, _ := newTracer(t)
		inner := memory.New(storetest.Clock())
		return traced{tracer.Store(batchstore.New(tracer.Batches(inner), batchstore.Options{})), inner}
	})
}

// TestFailuresAreErrors checks that a failed call of the store is a failed span, and that a lease without tasks is no failure.
func TestFailuresAreErrors(t *testing.T) {
	tracer, recorded := newTracer(t)
	store := memory.New(time.Now)
	if views, err := tracer.Store(store).Lease(t.Context(), "w", 1, time.Second); err != nil || len(views) > 0 || len(recorded.GetSpans()) > 0 {
		t.Errorf("%v, %v", views, recorded.GetSpans())
	}
	_, err := tracer.Store(tracer.Batches(failing{})).Stock(t.Context())
	for _, name := range []string{"store.stock", "batch.stock"} {
		if span := recorded.find(name, "", "")[0]; err == nil || span.Status.Code != codes.Error || span.Status.Description != "away" {
			t.Errorf("%s: %+v", name, span)
		}
	}
}

type failing struct{ tasks.Store }

func (failing) Stock(context.Context) ([]stock.Level, error) { return nil, errors.New("away") }

// TestUnsampledSpans checks that spans that are not recorded disturb no call.
func TestUnsampledSpans(t *testing.T) {
	tracer, err := otel.New(sdk.NewTracerProvider(sdk.WithSampler(sdk.NeverSample())))
	if err != nil {
		t.Fatal(err)
	}
	store := tracer.Store(tracer.Batches(memory.New(time.Now)))
	if found, err := store.Find(t.Context(), []keys.Code{"A", "B", "A"}); err != nil || len(found) != 3 {
		t.Error(found, err)
	}
}
