package docs_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/adapters/httpconnector"
	"github.com/keyseat/keyseat/tasks"
)

// connectorSpec returns the schemas of the connector's document. It checks that the document is valid.
func connectorSpec(t *testing.T) openapi3.Schemas {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("connector-openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil || !doc.IsOpenAPI31OrLater() {
		t.Fatalf("version %s: %v", doc.OpenAPI, err)
	}
	return doc.Components.Schemas
}

// fits checks a JSON text against a schema. With closed, the schema must also name every field of the text.
func fits(t *testing.T, schema *openapi3.Schema, text string, closed bool) {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if err := schema.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
		t.Errorf("%s: %v", text, err)
	}
	if closed {
		unnamed(t, schema, value)
	}
}

// unnamed reports the fields of a value that a schema does not name.
func unnamed(t *testing.T, schema *openapi3.Schema, value any) {
	t.Helper()
	fields, _ := value.(map[string]any)
	for name, child := range fields {
		if property := schema.Properties[name]; property == nil {
			t.Errorf("the document does not name %s", name)
		} else {
			unnamed(t, property.Value, child)
		}
	}
}

// sent returns the body and the header that the connector sends for a request.
func sent(t *testing.T, o tasks.ConnectorRequest) (body string, h http.Header) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		body, h = string(text), r.Header
	}))
	defer server.Close()
	c, err := httpconnector.New(server.URL, httpconnector.Options{Token: tasks.NewSecret("t0ken")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Do(t.Context(), o)
	return body, h
}

// requests are the connector's requests in the examples of the page.
func requests() map[string]tasks.ConnectorRequest {
	account := tasks.Account{Login: tasks.NewSecret("anna@example.com"), Password: tasks.NewSecret("secret")}
	all := map[string]tasks.ConnectorRequest{}
	for _, k := range tasks.Kinds() {
		all[string(k)] = tasks.ConnectorRequest{Task: "K7QZ3M2XW5R6T4B3NHJ5VCEDYA", Kind: k, Country: "US", Ordinal: 1, Attempt: 1, Account: account}
	}
	upgrade, renew := all["upgrade"], all["renew"]
	upgrade.Plan = tasks.PlanSnapshot{ID: "p1", Address: "1 Main Street", Invite: "https://provider.example/join/abc"}
	renew.Account.NewEmail, renew.Account.NewPassword = tasks.NewSecret("anna.new@example.com"), tasks.NewSecret("another secret!")
	return map[string]tasks.ConnectorRequest{"upgrade": upgrade, "renew": renew}
}

// TestConnectorRequests checks that the page has the bodies and the headers that the connector sends, and that the
// document describes these bodies.
func TestConnectorRequests(t *testing.T) {
	page, schemas := pages(t)[root+"/daemon/docs/connector.md"], connectorSpec(t)
	for name, schema := range map[string]string{"upgrade": "Upgrade", "renew": "Renew"} {
		body, header := sent(t, requests()[name])
		if want := compact(t, find(t, "connector.md", name)); body != want {
			t.Errorf("the connector sends\n%s\nthe page has\n%s", body, want)
		}
		fits(t, schemas[schema].Value, body, true)
		delete(header, "Content-Length")
		delete(header, "Accept-Encoding")
		for h := range header {
			if !strings.Contains(page, "\n| `"+h+"` |") {
				t.Errorf("the page has no header %s", h)
			}
		}
	}
	least, _ := sent(t, tasks.ConnectorRequest{Task: "T", Kind: tasks.Renew, Ordinal: 1, Attempt: 1})
	fits(t, schemas["Renew"].Value, least, true)
}

// TestConnectorOutcomes checks the outcomes of the page and of the document, and the example of an answer.
func TestConnectorOutcomes(t *testing.T) {
	page, schemas := pages(t)[root+"/daemon/docs/connector.md"], connectorSpec(t)
	for kind, schema := range map[tasks.Kind]string{tasks.Upgrade: "UpgradeOutcome", tasks.Renew: "RenewOutcome"} {
		var listed []tasks.Outcome
		for _, value := range schemas[schema].Value.Enum {
			text, _ := value.(string)
			listed = append(listed, tasks.Outcome(text))
		}
		if !slices.Equal(listed, tasks.Outcomes(kind)) {
			t.Errorf("%s: the document has %q", kind, listed)
		}
		for _, o := range tasks.Outcomes(kind) {
			kinds := "both"
			if other := map[tasks.Kind]tasks.Kind{tasks.Upgrade: tasks.Renew, tasks.Renew: tasks.Upgrade}[kind]; !o.Fits(other) {
				kinds = string(kind)
			}
			if !strings.Contains(page, "\n| `"+string(o)+"` | "+kinds+" |") {
				t.Errorf("the page does not list %s of %s", o, kinds)
			}
			if m := o.Message(kind); o != tasks.Success && !strings.Contains(page, "\n| `"+string(o)+"` | "+m+" |") {
				t.Errorf("the page does not have the message of %s", o)
			}
		}
	}
	fits(t, schemas["UpgradeResult"].Value, find(t, "connector.md", "answer"), true)
}

// TestConnectorCall runs the page's call of a service.
func TestConnectorCall(t *testing.T) {
	p := connectortest.NewProvider(t)
	p.Token = "a-token-of-some-length"
	script := strings.ReplaceAll(find(t, "connector.md", "provider"), "http://127.0.0.1:9090", p.URL)
	for range 2 {
		out, err := exec.CommandContext(t.Context(), "sh", "-ec", strings.ReplaceAll(script, "curl -i", "curl -sS")).CombinedOutput()
		if err != nil || !strings.Contains(string(out), `"outcome":"success"`) {
			t.Errorf("%v\n%s", err, out)
		}
	}
	if e := p.Effects()["test-1"]; e.Count != 1 {
		t.Errorf("the work was done %d times", e.Count)
	}
}
