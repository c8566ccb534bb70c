// Package otel traces keyseat with OpenTelemetry. It decorates the handler of the API and the ports of the engine:
//
//	t, err := otel.New(provider)
//	batches := batchstore.New(t.Batches(store), batchstore.Options{})
//	engine := daemon.NewEngine(t.Store(batches), t.Connector(connector), keyring, rules)
//	api := &daemon.API{Engine: engine, Observe: t.ObserveRequest, Wake: pool.Wake}
//	handler := t.Handler(api) // mount it at /API and at /API/
//
// These are the spans of an upgrade. Each column is a trace, because the attempt begins after the response:
//
//	POST /API/                       attempt ◀──link── store.apply (ended)
//	└─ store.apply (accepted) ◀──link───┘                  └─ batch.apply
//	   └─ batch.apply
//
// A span with the prefix store is one call by the engine, and includes the wait for a batch. A span with the prefix
// batch is one group of statements in the database. A batch of several callers is a trace of its own, with links to and
// from the spans of the callers.
//
// # Links and several daemons
//
// A stored task does not contain its trace. A [Tracer] remembers the spans of the last 10,000 tasks of its own process.
// If another daemon makes the attempt, or the daemon was restarted, the link is missing. Then search for the attribute
// keyseat.task. It has the task's id, and both spans have it.
//
// # Secrets
//
// No attribute contains a key's code, a login, a password, an invite or the address of a plan. The query and the path of
// a request are left out, and so are the texts of a provider. A failed call of the store has the text of its error, which
// a store must keep free of secrets. The user agent and the address of the client are attributes of a request.
package otel

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/tasks"
)

// A Tracer makes decorators of the handler, the store and the connector, and joins their spans. One Tracer must make all
// decorators of an engine. Use [New] to make a Tracer. A Tracer is safe for concurrent use.
type Tracer struct {
	provider trace.TracerProvider
	tracer   trace.Tracer
	tasks    *lru.Cache[string, taskSpans] // by the task's id

	mu      sync.Mutex
	callers map[any][]trace.Span // the spans that wait for a batch; the map key is what the batch must contain: a code or a changeID
}

// A changeID is the id of a change, as a key of [Tracer.callers].
type changeID string

// taskSpans are the spans of a task that later spans link to. A missing span has an invalid SpanContext.
type taskSpans struct{ accepted, attempt trace.SpanContext }

// maxTasks is the number of tasks whose spans a Tracer remembers. They take about 3 MB.
const maxTasks = 10_000

// New returns a tracer that sends its spans to the provider.
func New(provider trace.TracerProvider) (*Tracer, error) {
	cache, err := lru.New[string, taskSpans](maxTasks)
	return &Tracer{
		provider: provider, tracer: provider.Tracer("github.com/keyseat/keyseat/daemon/otel"),
		tasks: cache, callers: map[any][]trace.Span{},
	}, err
}

// originalRequest is the key of the context value that keeps a request with its URL.
type originalRequest struct{}

// Handler returns a handler that calls api, which is a [daemon.API] or a mux with one. It makes a span of each request
// with otelhttp. Neither otelhttp nor a function in the options receives the query or the path of the request.
//
// By default, the span becomes a part of the client's trace if the request names a trace and a propagator is set. For
// clients that you do not trust, add the option [otelhttp.WithPublicEndpointFn].
func (t *Tracer) Handler(api http.Handler, options ...otelhttp.Option) http.Handler {
	restored := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if original, is := r.Context().Value(originalRequest{}).(*http.Request); is {
			r.URL, r.RequestURI = original.URL, original.RequestURI
		}
		api.ServeHTTP(w, r)
	})
	traced := otelhttp.NewHandler(restored, "/API/", append([]otelhttp.Option{otelhttp.WithTracerProvider(t.provider)}, options...)...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		clean := r.WithContext(context.WithValue(r.Context(), originalRequest{}, r))
		clean.URL, clean.RequestURI, clean.Pattern = &url.URL{Path: "/API/"}, "/API/", "/API/"
		traced.ServeHTTP(w, clean)
	})
}

// ObserveRequest adds the call and the status of the response to the span of a request. Use it as [daemon.API.Observe].
func (t *Tracer) ObserveRequest(o daemon.Observation) {
	trace.SpanFromContext(o.Context).SetAttributes(
		attribute.String("keyseat.call", o.Call), attribute.String("keyseat.status", o.Status))
}

// end ends a span with the error of its call. The method End of a span must not be deferred itself, because it would
// then record the value of a panic, which may be a secret.
func end(span trace.Span, err *error) {
	if *err != nil {
		span.SetStatus(codes.Error, (*err).Error())
	}
	span.End()
}

// Connector returns a connector that calls inner, and makes a span of each attempt. The span links to the span that
// accepted the task, and to the span of the task's previous attempt.
func (t *Tracer) Connector(inner tasks.Connector) tasks.Connector { return tracedConnector{inner, t} }

type tracedConnector struct {
	inner tasks.Connector
	*Tracer
}

// Do implements [tasks.Connector]. The span of a call that panics has an unknown effect.
func (c tracedConnector) Do(ctx context.Context, o tasks.ConnectorRequest) (result tasks.ConnectorResult) {
	spans, _ := c.tasks.Get(o.Task)
	ctx, span := c.tracer.Start(ctx, "attempt", trace.WithSpanKind(trace.SpanKindClient), trace.WithLinks(spans.links()...),
		trace.WithAttributes(
			attribute.String("keyseat.task", o.Task), attribute.String("keyseat.kind", string(o.Kind)),
			attribute.String("keyseat.country", string(o.Country)), attribute.String("keyseat.plan", o.Plan.ID),
			attribute.Int("keyseat.attempt", o.Attempt),
		))
	spans.attempt = span.SpanContext()
	c.tasks.Add(o.Task, spans)
	defer func() { // the span's End must not be deferred itself, as [end] explains
		describeResult(span, o.Kind, result)
		span.End()
	}()
	return c.inner.Do(ctx, o)
}

// describeResult adds the effect and a known outcome to the span of an attempt. It leaves out unknown outcomes and all
// other texts of a result, because a provider may repeat the secrets that it was sent.
func describeResult(span trace.Span, kind tasks.Kind, r tasks.ConnectorResult) {
	span.SetAttributes(attribute.String("keyseat.effect", r.Effect.String()))
	if r.Effect == tasks.Settled && r.Outcome.Fits(kind) {
		span.SetAttributes(attribute.String("keyseat.outcome", string(r.Outcome)))
	}
	if r.Effect == tasks.Unknown || r.Effect == tasks.None || r.Effect == tasks.Refused {
		span.SetStatus(codes.Error, "")
	}
}

func (s taskSpans) links() (all []trace.Link) {
	if s.accepted.IsValid() {
		all = append(all, trace.Link{SpanContext: s.accepted, Attributes: []attribute.KeyValue{attribute.String("keyseat.link", "accepted")}})
	}
	if s.attempt.IsValid() {
		all = append(all, trace.Link{SpanContext: s.attempt, Attributes: []attribute.KeyValue{attribute.String("keyseat.link", "attempt")}})
	}
	return all
}

// linksOf returns links to the spans of the tasks that the changes write.
func (t *Tracer) linksOf(changes []tasks.Change) (all []trace.Link) {
	for _, c := range changes {
		if c.Task != nil {
			spans, _ := t.tasks.Get(c.Task.ID)
			all = append(all, spans.links()...)
		}
	}
	return all
}

// remember stores the span that accepts new tasks. It must run before the store is called, because a worker may lease
// a task before the call returns.
func (t *Tracer) remember(span trace.Span, changes []tasks.Change) {
	for _, c := range changes {
		if c.Task != nil && c.Task.Version == 0 && c.Task.Open() {
			t.tasks.Add(c.Task.ID, taskSpans{accepted: span.SpanContext()})
		}
	}
}

// forget removes the spans of ended tasks and of refused tasks.
func (t *Tracer) forget(changes []tasks.Change, verdicts []error) {
	for i, c := range changes {
		if c.Task != nil && (verdicts[i] == nil && !c.Task.Open() || verdicts[i] != nil && c.Task.Version == 0) {
			t.tasks.Remove(c.Task.ID)
		}
	}
}

func idsOf(changes []tasks.Change) []changeID {
	ids := make([]changeID, len(changes))
	for i, c := range changes {
		ids[i] = changeID(c.ID)
	}
	return ids
}

// wait records that the span waits for the batch that will contain the items. It ignores a span that is not recording.
// The returned function ends the wait.
func wait[K comparable](t *Tracer, span trace.Span, items []K) (done func()) {
	if !span.IsRecording() {
		return func() {}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, item := range items {
		t.callers[item] = append(t.callers[item], span)
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, item := range items {
			t.callers[item] = slices.DeleteFunc(t.callers[item], func(other trace.Span) bool {
				return other.SpanContext().SpanID() == span.SpanContext().SpanID() // spans need not be comparable
			})
			if len(t.callers[item]) == 0 {
				delete(t.callers, item)
			}
		}
	}
}

// waiting returns the spans that wait for a batch with at least one of the items. Two batches can contain the same key,
// so it may also return spans that wait for the next batch.
func waiting[K comparable](t *Tracer, items []K) (spans []trace.Span) {
	t.mu.Lock()
	defer t.mu.Unlock()
	seen := map[K]bool{}
	for _, item := range items {
		if !seen[item] {
			spans, seen[item] = append(spans, t.callers[item]...), true
		}
	}
	return spans
}
