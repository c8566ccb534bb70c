package otel

import (
	"slices"

	"github.com/keyseat/keyseat/tasks"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// links returns links to the spans that exist.
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

// wait records that a span waits for a batch with the items. The returned function ends the wait. A span that is not
// recorded is left out.
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
			t.callers[item] = without(t.callers[item], span)
			if len(t.callers[item]) == 0 {
				delete(t.callers, item)
			}
		}
	}
}

// without returns the spans without one of them. It reuses the memory of spans.
func without(spans []trace.Span, span trace.Span) []trace.Span {
	return slices.DeleteFunc(spans, func(other trace.Span) bool {
		return other.SpanContext().SpanID() == span.SpanContext().SpanID() // spans need not be comparable
	})
}

// waiting returns the spans that wait for a batch with the items, each once. If several callers wait for the same key,
// it also returns the callers that wait for the next batch.
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
