package ts_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/tasks"
)

// TestClient runs the client's own tests against the public API, the admin API and a worker pool.
func TestClient(t *testing.T) {
	node := pgtest.LookPath(t, "node")
	const token = "write-token-000000"
	store := memory.New(time.Now)
	engine := daemon.NewEngine(store, simulator.Connector{}, keyring.New([keyring.KeySize]byte{1}), tasks.DefaultRules())
	pool := worker.New(engine)
	mux := http.NewServeMux()
	api := &daemon.API{Engine: engine, Wake: pool.Wake}
	api.Register(mux)
	mux.Handle("/admin/v1/", &admin.API{Engine: engine, AdminStore: store, Tokens: admin.TokenList{admin.NewToken("shop", admin.Write, token)}})
	server := httptest.NewServer(mux)
	defer server.Close()
	go func() { _ = pool.Run(t.Context(), time.Second) }()
	cmd := exec.CommandContext(t.Context(), node, "--test", "client.test.mjs")
	cmd.Env = append(os.Environ(), "KEYSEAT_TEST_BASE="+server.URL, "KEYSEAT_TEST_TOKEN="+token)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTypesAreCurrent checks that the generated types have every operation and schema of the documents.
func TestTypesAreCurrent(t *testing.T) {
	for document, generated := range map[string]string{"openapi.json": "admin.d.ts", "public-openapi.json": "public.d.ts"} {
		text, err := os.ReadFile("../../admin/" + document)
		if err != nil {
			t.Fatal(err)
		}
		types, err := os.ReadFile(generated)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Paths      map[string]map[string]any
			Components struct{ Schemas map[string]any }
		}
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		var want []string
		for path, operations := range doc.Paths {
			want = append(want, `"`+path+`"`)
			for _, operation := range operations {
				if o, is := operation.(map[string]any); is {
					want = append(want, operationID(o)...)
				}
			}
		}
		for schema := range doc.Components.Schemas {
			want = append(want, schema)
		}
		for _, name := range want {
			if !regexp.MustCompile(`(?m)^\s+` + regexp.QuoteMeta(name) + `\??:`).Match(types) {
				t.Errorf("%s has no %s of %s: run npm install && npm run generate in this folder", generated, name, document)
			}
		}
	}
}

// operationID returns the name of an operation, and the names of the parameters that the operation itself declares.
func operationID(operation map[string]any) (names []string) {
	if id, is := operation["operationId"].(string); is {
		names = append(names, id)
	}
	parameters, _ := operation["parameters"].([]any)
	for _, p := range parameters {
		parameter, _ := p.(map[string]any)
		if name, is := parameter["name"].(string); is && regexp.MustCompile(`^\w+$`).MatchString(name) {
			names = append(names, name)
		}
	}
	return names
}
