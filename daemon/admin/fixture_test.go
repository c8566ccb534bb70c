package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// The tokens of a shop.
const (
	reader   = "reader-token-000000"
	helper   = "helper-token-000000"
	writer   = "writer-token-000000"
	exporter = "export-token-000000"
)

// A fixture is an API on a memory store. Every answer is checked against the document.
type fixture struct {
	*testing.T
	store  *memory.Store
	engine tasks.Engine
	api    *admin.API
	spec   *spec
	log    *bytes.Buffer
}

// plain is a sealer that does not encrypt.
type plain struct{}

func (plain) Seal(text, _ []byte) ([]byte, error)   { return text, nil }
func (plain) Open(sealed, _ []byte) ([]byte, error) { return sealed, nil }

func newFixture(t *testing.T) fixture {
	store, log := memory.New(time.Now), new(bytes.Buffer)
	engine := daemon.NewEngine(store, simulator.Connector{}, plain{}, tasks.DefaultRules())
	engine.Fingerprints = keys.FingerprintKey{1}
	api := &admin.API{
		Engine: engine, AdminStore: store, Activity: store, Log: slog.New(slog.NewJSONHandler(log, nil)),
		Tokens: admin.TokenList{
			admin.NewToken("dashboard", admin.Read, reader),
			admin.NewToken("desk", admin.Support, helper),
			admin.NewToken("webshop", admin.Write, writer),
			admin.NewToken("books", admin.Export, exporter),
		},
	}
	return fixture{t, store, engine, api, admins(t), log}
}

func (s fixture) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s fixture) importKeys(all ...keys.Key) {
	s.Helper()
	batch := adminstore.ImportBatch{ID: s.engine.NewID(), Type: tasks.EventImported}
	s.must(s.store.ImportKeys(s.Context(), batch, func(yield func(keys.Key, error) bool) {
		for _, k := range all {
			if k.Status == "" {
				k.Status = keys.Active
			}
			if !yield(k, nil) {
				return
			}
		}
	}))
}

func (s fixture) plan(id string, country stock.Country, size int) {
	s.Helper()
	s.must(s.store.EditPlans(s.Context(), []stock.PlanEdit{{ID: id, Country: &country, Size: &size}}))
}

// accept opens an upgrade of the key and returns its task's id.
func (s fixture) accept(code keys.Code) string {
	s.Helper()
	account := tasks.Account{Login: tasks.NewSecret("canary-login"), Password: tasks.NewSecret("canary-password")}
	s.must(s.engine.Accept(s.Context(), tasks.Request{Kind: tasks.Upgrade, Code: code, Country: "US", Account: account}))
	v, err := s.engine.Snapshot(s.Context(), code)
	s.must(err)
	return v.Task.ID
}

// end settles the due task with the connector's result.
func (s fixture) end(a tasks.ConnectorResult) {
	s.Helper()
	jobs, err := s.engine.Lease(s.Context(), "test", 1, time.Minute)
	s.must(err)
	engine := s.engine
	engine.Rules.Attempts = 1
	engine.Connector = fixed{a}
	s.must(engine.Work(s.Context(), s.Context(), jobs[0]).Err)
}

type fixed struct{ tasks.ConnectorResult }

func (f fixed) Do(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult {
	return f.ConnectorResult
}

// suspect ends a key's task in doubt, and returns the task's id.
func (s fixture) suspect(code keys.Code) string {
	s.Helper()
	id := s.accept(code)
	s.end(tasks.ConnectorResult{Effect: tasks.Unknown})
	return id
}

// A result is a response that was checked against the document.
type result struct {
	code   int
	header http.Header
	body   string
}

// send sends a request; edit may change it first.
func (s fixture) send(method, target, body string, edit ...func(*http.Request)) result {
	s.Helper()
	r := httptest.NewRequestWithContext(s.Context(), method, "/admin/v1"+target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+writer)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, e := range edit {
		e(r)
	}
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	if err := s.spec.check(r, w); err != nil {
		s.Errorf("%s %s: %d %s\n%v", method, target, w.Code, w.Body, err)
	}
	if strings.Contains(w.Body.String(), `\u0026`) || strings.Count(w.Body.String(), "\n") > 1 {
		s.Errorf("%s is not one line without escapes: %s", target, w.Body)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
		if got := w.Header().Get(name); got != want {
			s.Errorf("%s is %q", name, got)
		}
	}
	return result{w.Code, w.Header(), w.Body.String()}
}

func as(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func with(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// get reads a resource that must exist, with whole codes.
func (s fixture) get(target string, into any) {
	s.Helper()
	s.read(s.send(http.MethodGet, target, "", as(exporter)), http.StatusOK, into)
}

// read checks the status of an answer and decodes it.
func (s fixture) read(r result, code int, into any) {
	s.Helper()
	if r.code != code {
		s.Fatalf("got %d %s, want %d", r.code, r.body, code)
	}
	s.must(json.Unmarshal([]byte(r.body), into))
}

// refused checks that an answer is a problem with that code.
func (s fixture) refused(r result, code int, problem string) {
	s.Helper()
	var p struct {
		Status int
		Code   string
	}
	s.must(json.Unmarshal([]byte(r.body), &p))
	if r.code != code || p.Status != code || p.Code != problem {
		s.Errorf("got %d %s, want %d %s", r.code, r.body, code, problem)
	}
}
