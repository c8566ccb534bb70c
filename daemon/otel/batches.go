package otel

import (
	"context"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"go.opentelemetry.io/otel/trace"
)

// Batches returns a store that calls inner, and makes a span of each batch. Give it to the package batchstore, and the
// store that batchstore returns to [Tracer.Store]. Without batchstore it is not needed.
func (t *Tracer) Batches(inner tasks.Store) tasks.Store { return tracedBatches{inner, t} }

// A tracedBatches has no spans for Lease and Extend, because they are not batched.
type tracedBatches struct {
	tasks.Store
	*Tracer
}

// startBatch starts the span of a batch. The span of a batch of one is a child of its caller's. The span of a larger
// batch has links to the spans of its callers, and they have links to it.
func startBatch[K comparable](ctx context.Context, t *Tracer, call string, items []K) (context.Context, trace.Span) {
	options := []trace.SpanStartOption{trace.WithAttributes(sizeOf(len(items)))}
	var callers []trace.Span
	if len(items) > 1 {
		callers = waiting(t, items)
		links := make([]trace.Link, len(callers))
		for i, caller := range callers {
			links[i] = trace.Link{SpanContext: caller.SpanContext()}
		}
		options = append(options, trace.WithNewRoot(), trace.WithLinks(links...))
	}
	ctx, span := t.tracer.Start(ctx, "batch."+call, options...)
	for _, caller := range callers {
		caller.AddLink(trace.Link{SpanContext: span.SpanContext()})
	}
	return ctx, span
}

// Snapshots implements [tasks.Store].
func (s tracedBatches) Snapshots(ctx context.Context, codes []keys.Code) (views []tasks.Snapshot, err error) {
	ctx, span := startBatch(ctx, s.Tracer, "view", codes)
	defer func() { end(span, &err) }()
	return s.Store.Snapshots(ctx, codes)
}

// Find implements [tasks.Store].
func (s tracedBatches) Find(ctx context.Context, codes []keys.Code) (found []keys.Key, err error) {
	ctx, span := startBatch(ctx, s.Tracer, "find", codes)
	defer func() { end(span, &err) }()
	return s.Store.Find(ctx, codes)
}

// Apply implements [tasks.Store].
func (s tracedBatches) Apply(ctx context.Context, changes []tasks.Change) (verdicts []error, err error) {
	ctx, span := startBatch(ctx, s.Tracer, "apply", idsOf(changes))
	defer func() { end(span, &err) }()
	verdicts, err = s.Store.Apply(ctx, changes)
	span.SetAttributes(refusedOf(verdicts))
	return verdicts, err
}

// Stock implements [tasks.Store]. Its span is a child of the first caller's.
func (s tracedBatches) Stock(ctx context.Context) (levels []stock.Level, err error) {
	ctx, span := startBatch(ctx, s.Tracer, "stock", []string{""})
	defer func() { end(span, &err) }()
	return s.Store.Stock(ctx)
}
