package otel_test

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/keyseat/keyseat/tasks"
)

// canaries are texts that no span may contain. Each is a part of a code, an account or a provider's text.
var canaries = []string{"KEY-1", "KEY-2", "canary"}

// leaks returns the canaries in everything that an exporter writes of the spans.
func leaks(t *testing.T, recorded tracetest.SpanStubs) (found []string) {
	t.Helper()
	var out bytes.Buffer
	exporter, err := stdouttrace.New(stdouttrace.WithWriter(&out))
	if err == nil {
		err = exporter.ExportSpans(t.Context(), recorded.Snapshots())
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, canary := range canaries {
		if strings.Contains(out.String(), canary) {
			found = append(found, canary)
		}
	}
	return found
}

// TestSpansHaveNoSecrets sends secrets in paths, queries and bodies. The connector panics with them, and then returns
// them in every text of its result.
func TestSpansHaveNoSecrets(t *testing.T) {
	tracer, recorded := newTracer(t)
	api := serve(t, tracer, connectorFunc(func(_ context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
		login, password := o.Account.Login.Reveal(), o.Account.Password.Reveal()
		switch {
		case o.Kind == tasks.Renew:
			return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success, Username: login, VerifyAddress: password, Note: password}
		case o.Attempt == 1:
			panic(login + password)
		}
		return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Outcome(login), Username: login, VerifyAddress: password, Note: password}
	}))
	form := url.Values{"upgrade": {"KEY-1"}, "login": {"canary@example.com"}, "pwd": {"canary 1234"}, "country": {"US"}}
	send(t, api, http.MethodPost, "/API/", form)
	form.Set("upgrade", "KEY-2")
	send(t, api, http.MethodGet, "/API/?"+form.Encode(), nil)
	send(t, api, http.MethodGet, "/API/KEY-1?info=KEY-1", nil)
	send(t, api, http.MethodGet, "/API/?info=canary", nil)
	send(t, api, http.MethodGet, "/API/?canary", nil)
	for _, call := range []string{"upgrade", "info", "none"} {
		recorded.waitFor(t, "GET /API/", "keyseat.call", call)
	}
	for len(recorded.find("store.apply", "keyseat.events", `["ended"]`)) < 2 {
		recorded.waitFor(t, "attempt", "keyseat.attempt", "2")
	}
	if found := leaks(t, recorded.GetSpans()); found != nil {
		t.Errorf("the spans contain %q", found)
	}
}

// TestLeaksAreFound is the control of [TestSpansHaveNoSecrets]: the search finds a canary in an attribute, and in a
// panic that a span records.
func TestLeaksAreFound(t *testing.T) {
	recorded := spans{tracetest.NewInMemoryExporter()}
	tracer := sdk.NewTracerProvider(sdk.WithSyncer(recorded)).Tracer("control")
	_, span := tracer.Start(t.Context(), "plain", trace.WithAttributes(attribute.String("key", "KEY-1")))
	span.End()
	func() {
		defer func() { _ = recover() }()
		_, span := tracer.Start(t.Context(), "panics")
		defer span.End()
		panic("a canary")
	}()
	if found := leaks(t, recorded.GetSpans()); len(found) != 2 {
		t.Errorf("found %q", found)
	}
}
