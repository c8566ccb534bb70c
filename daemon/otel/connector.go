package otel

import (
	"context"

	"github.com/keyseat/keyseat/tasks"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Connector returns a connector that calls inner, and makes a span of each attempt. The span links to the span that
// accepted the task, and to the task's last attempt.
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

// describeResult adds the effect and the outcome to the span of an attempt. The other texts of a result may repeat what
// the provider was sent. So may an unknown outcome.
func describeResult(span trace.Span, kind tasks.Kind, r tasks.ConnectorResult) {
	span.SetAttributes(attribute.String("keyseat.effect", r.Effect.String()))
	if r.Effect == tasks.Settled && r.Outcome.Fits(kind) {
		span.SetAttributes(attribute.String("keyseat.outcome", string(r.Outcome)))
	}
	if r.Effect == tasks.Unknown || r.Effect == tasks.None || r.Effect == tasks.Refused {
		span.SetStatus(codes.Error, "")
	}
}
