package docs_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/webhooks"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

const code keys.Code = "0V3XK-9QZ7M-1H2AB-CD4EF-GJ5KN"

// events returns the events of the page's examples that come from the history, by type.
func events() map[string]webhooks.Event {
	entry := func(e tasks.EventType, outcome tasks.Outcome, to stock.State) tasks.HistoryEntry {
		plan := ""
		if to != "" {
			plan = "p1"
		}
		return tasks.HistoryEntry{Change: "OYNSQ3M2XW5R6T4B3NHJ5VCEDY", Event: tasks.Event{
			At: time.Date(2026, 11, 29, 10, 11, 15, 123_456_000, time.UTC), Type: e, Code: code,
			Task: "K7QZ3M2XW5R6T4B3NHJ5VCEDYA", Kind: tasks.Upgrade, Outcome: outcome, Plan: plan, From: stock.Held, To: to,
		}}
	}
	all := map[string]webhooks.Event{}
	for _, l := range []tasks.HistoryEntry{
		entry(tasks.EventEnded, tasks.Success, stock.Spent), entry(tasks.EventPlanFaulty, tasks.PlanFull, stock.Free),
		entry(tasks.EventIssued, "", ""), entry(tasks.EventRevoked, "", ""),
	} {
		for _, e := range webhooks.Events(l, webhooks.KeyName{Fingerprint: "9f2c4be01d7a6835", OrderID: "1001"}) {
			all[string(e.Type)] = e
		}
	}
	return all
}

// TestWebhookExamples checks that the page has an example of each event, and that the admin API's document describes
// the events.
func TestWebhookExamples(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("../admin/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	sent := events()
	examples := []string{"task.finished", "key.issued", "key.revoked", "plan.faulted", "stock.low"}
	if len(webhooks.Types()) != len(examples) || len(doc.Webhooks) != len(examples) {
		t.Errorf("%d types, %d in the document, %d examples", len(webhooks.Types()), len(doc.Webhooks), len(examples))
	}
	for _, name := range examples {
		example := compact(t, find(t, "webhooks.md", name))
		if e, fromHistory := sent[name]; fromHistory {
			body, err := e.Body()
			if err != nil || string(body) != example {
				t.Errorf("keyseat sends\n%s\nthe page has\n%s", body, example)
			}
		}
		hook := doc.Webhooks[name]
		if hook == nil {
			t.Fatalf("the document has no %s", name)
		}
		fits(t, hook.Post.RequestBody.Value.Content.Get("application/json").Schema.Value, example, true)
	}
	for _, e := range webhooks.ExampleEvents("name", time.Now()) {
		body, err := e.Body()
		if err != nil {
			t.Fatal(err)
		}
		fits(t, doc.Webhooks[string(e.Type)].Post.RequestBody.Value.Content.Get("application/json").Schema.Value, string(body), true)
	}
}

// TestVerifySnippet lets the page's function verify a real delivery, and one with another body.
func TestVerifySnippet(t *testing.T) {
	python := pgtest.LookPath(t, "python3")
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	var header http.Header
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { header = r.Header }))
	defer server.Close()
	e := events()["key.revoked"]
	to := webhooks.Endpoint{URL: tasks.NewSecret(server.URL), Secrets: []tasks.Secret{tasks.NewSecret(secret)}}
	if r := webhooks.Send(t.Context(), server.Client(), to, e); !r.OK() {
		t.Fatal(r)
	}
	body, err := e.Body()
	if err != nil {
		t.Fatal(err)
	}
	script := find(t, "webhooks.md", "verify") + fmt.Sprintf(`
headers = {"webhook-id": %q, "webhook-timestamp": %q, "webhook-signature": %q}
body = open("body", "rb").read()
print(verify(%[4]q, headers, body), verify(%[4]q, headers, body + b" "))
`, header.Get("webhook-id"), header.Get("webhook-timestamp"), header.Get("webhook-signature"), secret)
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "body"), body, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", script)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "True False" {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestWebhookFile reads the page's file of endpoints.
func TestWebhookFile(t *testing.T) {
	all, err := webhooks.Parse([]byte(find(t, "webhooks.md", "hooks")), webhooks.Policy{})
	if err != nil || len(all) != 1 || !all[0].Wants(webhooks.StockLow) || all[0].Low["US"] != 5 {
		t.Errorf("%+v, %v", all, err)
	}
}
