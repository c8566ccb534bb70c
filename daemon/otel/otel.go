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
//	├─ store.view                       │                  └─ batch.apply
//	│  └─ batch.view                  link
//	└─ store.apply (accepted) ◀─────────┘
//	   └─ batch.apply
//
// A span of store is one call of the engine, with its wait for a batch. A span of batch is one group of statements in the
// database. A batch of several callers is a trace of its own, with links to and from the spans of the callers.
//
// # Links and several daemons
//
// A stored task does not contain its trace. A [Tracer] remembers the spans of the last 10,000 tasks of its own process.
// If another daemon makes the attempt, or a restarted one, the link is missing. Then search for the attribute
// keyseat.task, which has the task's id and is on both sides.
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
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/keyseat/keyseat/daemon"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// A Tracer makes the decorators, and joins their spans. All decorators of an engine must be of one Tracer. It is safe
// for concurrent use. Use [New] to make one.
type Tracer struct {
	provider trace.TracerProvider
	tracer   trace.Tracer
	tasks    *lru.Cache[string, taskSpans] // by the task's id

	mu      sync.Mutex
	callers map[any][]trace.Span // the spans that wait for a batch, by what they wait for: a code or a changeID
}

// taskSpans are the spans of a task that later spans link to. A span that does not exist is not valid.
type taskSpans struct{ accepted, attempt trace.SpanContext }

// maxTasks is the number of tasks whose spans a Tracer remembers. It takes about 3 MB.
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
// with otelhttp, which receives the request without its query and its path. The same holds for functions in the options.
//
// By default, the span becomes a part of the client's trace if the request names one and a propagator is set. For clients
// that you do not trust, add the option [otelhttp.WithPublicEndpointFn].
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

// ObserveRequest adds the call and the status of the response to the span of a request. Use it as the Observe function
// of [daemon.API].
func (t *Tracer) ObserveRequest(o daemon.Observation) {
	trace.SpanFromContext(o.Context).SetAttributes(
		attribute.String("keyseat.call", o.Call), attribute.String("keyseat.status", o.Status))
}

// end ends a span with the error of its call. The function End of a span must not be deferred itself. It would
// then record the value of a panic, which may be a secret.
func end(span trace.Span, err *error) {
	if *err != nil {
		span.SetStatus(codes.Error, (*err).Error())
	}
	span.End()
}
