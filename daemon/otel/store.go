package otel

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// Store returns a store that calls inner, and makes a span of each call. Pass this store to the engine. The span of a
// change has the task's id, kind and events, and links to the spans of the task. A lease without tasks has no span.
func (t *Tracer) Store(inner tasks.Store) tasks.Store { return tracedStore{inner, t} }

type tracedStore struct {
	inner tasks.Store
	*Tracer
}

// Unwrap lets daemon.NewEngine find what else the inner store implements.
func (s tracedStore) Unwrap() tasks.Store { return s.inner }

func (s tracedStore) start(ctx context.Context, call string, size int, o ...trace.SpanStartOption) (context.Context, trace.Span) {
	return s.tracer.Start(ctx, "store."+call, append(o, trace.WithAttributes(sizeOf(size)))...)
}

func sizeOf(n int) attribute.KeyValue { return attribute.Int("keyseat.size", n) }

func (s tracedStore) Snapshots(ctx context.Context, codes []keys.Code) (views []tasks.Snapshot, err error) {
	ctx, span := s.start(ctx, "view", len(codes))
	defer func() { end(span, &err) }()
	defer wait(s.Tracer, span, codes)()
	return s.inner.Snapshots(ctx, codes)
}

func (s tracedStore) Find(ctx context.Context, codes []keys.Code) (found []keys.Key, err error) {
	ctx, span := s.start(ctx, "find", len(codes))
	defer func() { end(span, &err) }()
	defer wait(s.Tracer, span, codes)()
	return s.inner.Find(ctx, codes)
}

func (s tracedStore) Apply(ctx context.Context, changes []tasks.Change) (verdicts []error, err error) {
	ctx, span := s.start(ctx, "apply", len(changes), trace.WithLinks(s.linksOf(changes)...))
	defer func() { end(span, &err) }()
	span.SetAttributes(describe(changes)...)
	s.remember(span, changes)
	defer wait(s.Tracer, span, idsOf(changes))()
	verdicts, err = s.inner.Apply(ctx, changes)
	if err == nil {
		s.forget(changes, verdicts)
		span.SetAttributes(refusedOf(verdicts))
	}
	return verdicts, err
}

func (s tracedStore) Lease(ctx context.Context, worker string, n int, ttl time.Duration) (views []tasks.Snapshot, err error) {
	start := time.Now()
	views, err = s.inner.Lease(ctx, worker, n, ttl)
	if len(views) > 0 || err != nil {
		_, span := s.start(ctx, "lease", len(views), trace.WithTimestamp(start))
		end(span, &err)
	}
	return views, err
}

func (s tracedStore) Extend(ctx context.Context, refs []tasks.Ref, ttl time.Duration) (verdicts []error, err error) {
	ctx, span := s.start(ctx, "extend", len(refs))
	defer func() { end(span, &err) }()
	verdicts, err = s.inner.Extend(ctx, refs, ttl)
	span.SetAttributes(refusedOf(verdicts))
	return verdicts, err
}

func (s tracedStore) Stock(ctx context.Context) (levels []stock.Level, err error) {
	ctx, span := s.start(ctx, "stock", 1)
	defer func() { end(span, &err) }()
	return s.inner.Stock(ctx)
}

// describe returns the attributes of a call with a single change. A call with several changes would have too many.
func describe(changes []tasks.Change) []attribute.KeyValue {
	if len(changes) != 1 {
		return nil
	}
	var events []string
	for _, e := range changes[0].Events {
		events = append(events, string(e.Type))
	}
	attributes := []attribute.KeyValue{attribute.StringSlice("keyseat.events", events)}
	if task := changes[0].Task; task != nil {
		attributes = append(attributes, attribute.String("keyseat.task", task.ID), attribute.String("keyseat.kind", string(task.Kind)))
	}
	return attributes
}

// refusedOf returns the number of verdicts that are errors, as an attribute.
func refusedOf(verdicts []error) attribute.KeyValue {
	n := 0
	for _, verdict := range verdicts {
		if verdict != nil {
			n++
		}
	}
	return attribute.Int("keyseat.refused", n)
}

// Batches returns a store that calls inner, and makes a span of each batch. Pass this store to the package batchstore,
// and pass the store that batchstore returns to [Tracer.Store]. Without batchstore, Batches is not needed.
func (t *Tracer) Batches(inner tasks.Store) tasks.Store { return tracedBatches{inner, t} }

// A tracedBatches has no spans for Lease and Extend, because they are not batched.
type tracedBatches struct {
	tasks.Store
	*Tracer
}

// Unwrap lets daemon.NewEngine find what else the inner store implements.
func (s tracedBatches) Unwrap() tasks.Store { return s.Store }

// startBatch starts the span of a batch. The span of a batch of one item is a child of its caller's span. The span of a
// larger batch and the spans of its callers have links to each other.
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

func (s tracedBatches) Snapshots(ctx context.Context, codes []keys.Code) (views []tasks.Snapshot, err error) {
	ctx, span := startBatch(ctx, s.Tracer, "view", codes)
	defer func() { end(span, &err) }()
	return s.Store.Snapshots(ctx, codes)
}

func (s tracedBatches) Find(ctx context.Context, codes []keys.Code) (found []keys.Key, err error) {
	ctx, span := startBatch(ctx, s.Tracer, "find", codes)
	defer func() { end(span, &err) }()
	return s.Store.Find(ctx, codes)
}

func (s tracedBatches) Apply(ctx context.Context, changes []tasks.Change) (verdicts []error, err error) {
	ctx, span := startBatch(ctx, s.Tracer, "apply", idsOf(changes))
	defer func() { end(span, &err) }()
	verdicts, err = s.Store.Apply(ctx, changes)
	span.SetAttributes(refusedOf(verdicts))
	return verdicts, err
}

// The span of Stock is a child of the span of its first caller.
func (s tracedBatches) Stock(ctx context.Context) (levels []stock.Level, err error) {
	ctx, span := startBatch(ctx, s.Tracer, "stock", []string{""})
	defer func() { end(span, &err) }()
	return s.Store.Stock(ctx)
}
