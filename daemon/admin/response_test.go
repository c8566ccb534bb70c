package admin_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// failingStore is a store that is unavailable, or in which another change always comes first.
type failingStore struct {
	tasks.Store
	adminstore.AdminStore
	unavailable error
	apply       error
}

func (b failingStore) Snapshots(ctx context.Context, codes []keys.Code) ([]tasks.Snapshot, error) {
	if b.unavailable != nil {
		return nil, b.unavailable
	}
	return b.Store.Snapshots(ctx, codes)
}

func (b failingStore) Apply(context.Context, []tasks.Change) ([]error, error) {
	return []error{b.apply}, b.unavailable
}

func (b failingStore) Stock(context.Context) ([]stock.Level, error)      { return nil, b.unavailable }
func (b failingStore) EditPlans(context.Context, []stock.PlanEdit) error { return b.unavailable }
func (b failingStore) Batch(context.Context, string) ([]keys.Key, error) { return nil, b.unavailable }

func (b failingStore) History(context.Context, keys.Code) ([]tasks.Event, error) {
	return nil, b.unavailable
}

func (b failingStore) ImportKeys(context.Context, adminstore.ImportBatch, iter.Seq2[keys.Key, error]) error {
	return b.unavailable
}

func (b failingStore) Keys(context.Context, adminstore.KeyFilter, adminstore.Page) (adminstore.List, error) {
	return adminstore.List{}, b.unavailable
}

func (b failingStore) Plans(context.Context, int64, int) ([]stock.Plan, error) {
	return nil, b.unavailable
}

func (b failingStore) Tasks(context.Context, adminstore.TaskFilter, adminstore.Page) (adminstore.List, error) {
	return adminstore.List{}, b.unavailable
}

func (b failingStore) Search(context.Context, adminstore.Search) (adminstore.Found, error) {
	return adminstore.Found{}, b.unavailable
}

func (b failingStore) Task(ctx context.Context, id string) (tasks.Snapshot, error) {
	if b.unavailable != nil {
		return tasks.Snapshot{}, b.unavailable
	}
	return b.AdminStore.Task(ctx, id)
}

func (b failingStore) RecordActivity(context.Context, activity.Entry) error { return b.unavailable }

func (b failingStore) Activity(context.Context, activity.Filter, adminstore.Page) (activity.List, error) {
	return activity.List{}, b.unavailable
}

func (b failingStore) DeleteActivity(context.Context, time.Time, int) (int, error) {
	return 0, b.unavailable
}

// on returns the fixture with another store.
func (s fixture) on(b failingStore) fixture {
	api := &admin.API{Engine: s.engine, AdminStore: b, Activity: b, Tokens: s.api.Tokens, Log: s.api.Log}
	api.Engine.Store = b
	api.Engine.Pause = func(context.Context, time.Duration) error { return context.DeadlineExceeded }
	s.api = api
	return s
}

// TestEveryDocumentedResponse causes every response in the document, and no other response.
func TestEveryDocumentedResponse(t *testing.T) {
	s := newFixture(t)
	s.plan("p", "US", 9)
	s.importKeys(keys.Key{Code: "S"}, keys.Key{Code: "T"}, keys.Key{Code: "O"}, keys.Key{Code: "K"})
	suspect, spent := s.suspect("S"), s.accept("T")
	s.end(tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success})
	open := s.accept("O")
	away := s.on(failingStore{s.store, s.store, errors.New("away"), nil})
	contended := s.on(failingStore{s.store, s.store, nil, tasks.ErrConflict})
	guessed := s.on(failingStore{s.store, s.store, nil, nil})
	for range 10 {
		guessed.send(http.MethodGet, "/keys", "", as("wrong"))
	}

	ids := map[string]string{"retry": open, "resolve": suspect, "release": spent}
	bodies := map[string]string{
		"POST /keys": `{"count":1,"order_id":"o"}`, "PUT /plans/{id}": `{"slots":7}`, "POST /tasks/{id}/resolve": `{"outcome":"success"}`,
	}
	for _, route := range admin.Routes() {
		method, path, _ := strings.Cut(strings.Replace(route, "/admin/v1", "", 1), " ")
		action := path[strings.LastIndexByte(path, '/')+1:]
		id := "p"
		if strings.HasPrefix(path, "/tasks/") {
			id = spent
			if named := ids[action]; named != "" {
				id = named
			}
		}
		bare := strings.NewReplacer("{code}", "K", "{id}", id).Replace(path)
		target := bare
		if path == "/search" {
			target += "?q=K"
		}
		body := bodies[method+" "+path]
		try := func(on fixture, body, target string, edit ...func(*http.Request)) {
			on.send(method, target, body, append([]func(*http.Request){with("Idempotency-Key", "k")}, edit...)...)
		}
		try(s, body, target, func(r *http.Request) { r.Header.Del("Authorization") })
		try(s, body, target, func(r *http.Request) { r.Method = "DELETE"; r.Header.Del("Authorization") })
		try(guessed, body, target, func(r *http.Request) { r.Method = "DELETE"; as("wrong")(r) })
		try(guessed, body, target, as("wrong"))
		try(s, body, target, as(reader))
		try(s, body, target, func(r *http.Request) { r.Method = "DELETE" })
		try(s, body, strings.NewReplacer("{code}", "none", "{id}", "%20").Replace(path))
		try(s, body, bare+"?none=1")
		try(away, body, target)
		try(contended, body, target)
		try(s, body, target)
		if method != http.MethodGet {
			try(s, "{", target)
			try(s, strings.Repeat(" ", 65<<10), target)
			try(s, "{}", target, with("Content-Type", "text/plain"))
			try(s, `{"none":1}`, target)
		}
	}
	s.accept("K") // now it has an open task
	s.send("POST", "/keys/K/reset", "")
	s.send("PUT", "/plans/p", `{"slots":0}`)
	for _, answer := range s.spec.declared() {
		if !s.spec.seen[answer] {
			t.Errorf("no request caused the documented response %s", answer)
		}
	}
}

// TestStoreUnavailable checks that no answer hides that the store is unavailable.
func TestStoreUnavailable(t *testing.T) {
	s := newFixture(t)
	s.importKeys(keys.Key{Code: "K"})
	s = s.on(failingStore{s.store, s.store, errors.New("the trouble"), nil})
	for _, target := range []string{"GET /keys", "GET /keys/K", "POST /keys/K/revoke", "GET /plans", "POST /plans/p/retire", "GET /tasks/t", "GET /stock"} {
		method, path, _ := strings.Cut(target, " ")
		r := s.send(method, path, "")
		s.refused(r, 503, "unavailable")
		if strings.Contains(r.body, "trouble") || r.header.Get("Retry-After") != "2" {
			t.Errorf("%s: %+v", target, r)
		}
	}
	if !strings.Contains(s.log.String(), `"level":"ERROR"`) || !strings.Contains(s.log.String(), "the trouble") {
		t.Errorf("the log does not have the error: %s", s.log)
	}
}

// TestPanics checks that a panic is answered without its value.
func TestPanics(t *testing.T) {
	s := newFixture(t)
	s.api.AdminStore = nil
	s.refused(s.send("GET", "/plans", ""), 503, "unavailable")
	s.api.Tokens = panicking{}
	s.refused(s.send("GET", "/plans", ""), 503, "unavailable")
	if strings.Contains(s.log.String(), "canary") {
		t.Errorf("the log: %s", s.log)
	}
}

type panicking struct{}

func (panicking) Find(string) (admin.Token, error) { panic("canary") }

// TestRoles checks that a reader cannot write, and the answer for each token.
func TestRoles(t *testing.T) {
	s := newFixture(t)
	s.importKeys(keys.Key{Code: "K"})
	for _, route := range admin.Routes() {
		method, path, _ := strings.Cut(strings.Replace(route, "/admin/v1", "", 1), " ")
		target := strings.NewReplacer("{code}", "K", "{id}", "x").Replace(path)
		r := s.send(method, target, "", as(reader))
		if wrote := method != http.MethodGet; wrote != (r.code == http.StatusForbidden) {
			t.Errorf("%s with a read token: %d", route, r.code)
		}
	}
	s.stored(1)
	for _, authorization := range [][]string{
		nil,
		{""},
		{"Bearer"},
		{"Bearer "},
		{writer},
		{"Basic " + writer},
		{"Bearer " + writer + "x"},
		{"Bearer " + writer[1:]},
		{"Bearer " + writer, "Bearer " + writer},
	} {
		for _, target := range []string{"/keys", "/nothing", "/keys/K/revoke"} {
			r := s.send(http.MethodGet, target, "", func(r *http.Request) { r.Header["Authorization"] = authorization })
			s.refused(r, 401, "unauthorized")
			if !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("WWW-Authenticate: %s", r.header.Get("WWW-Authenticate"))
			}
		}
	}
	for _, scheme := range []string{"bearer ", "BEARER  "} {
		if r := s.send("GET", "/keys", "", func(r *http.Request) { r.Header.Set("Authorization", scheme+reader) }); r.code != 200 {
			t.Errorf("%q: %d", scheme, r.code)
		}
	}
}

// TestAudit checks that each write logs a line with the token, the action and the key.
func TestAudit(t *testing.T) {
	s := newFixture(t)
	s.importKeys(keys.Key{Code: "K"})
	s.plan("p", "US", 9)
	id := s.suspect("K")
	s.send("GET", "/keys", "")
	s.order("h", `{"count":2,"order_id":"o-7"}`)
	s.send("POST", "/keys/K/revoke", "")
	s.send("POST", "/keys/K/revoke", "", as(reader))
	s.send("POST", "/plans/p/retire", "")
	s.send("POST", "/tasks/"+id+"/resolve", `{"outcome":"success"}`)
	s.send("POST", "/tasks/"+id+"/resolve", `{"outcome":"success"}`)
	lines := strings.Split(strings.TrimSpace(s.log.String()), "\n")
	want := [][]string{
		{`"action":"POST /admin/v1/keys"`, `"token":"webshop"`, `"code":201`, `"order":"o-7"`, `"count":2`, `"batch":"order-`},
		{`"action":"POST /admin/v1/keys/{code}/revoke"`, `"token":"webshop"`, `"code":200`, `"key":"a7f5af2290c021d2"`},
		{`"action":"POST /admin/v1/keys/{code}/revoke"`, `"token":"dashboard"`, `"code":403`},
		{`"action":"POST /admin/v1/plans/{id}/retire"`, `"code":204`, `"plan":"p"`},
		{`"action":"POST /admin/v1/tasks/{id}/resolve"`, `"code":200`, `"task":"` + id + `"`, `"key":"a7f5af2290c021d2"`},
		{`"action":"POST /admin/v1/tasks/{id}/resolve"`, `"code":409`, `"error":"the task has no suspect slot"`, `"task":"` + id + `"`},
	}
	if len(lines) != len(want) {
		t.Fatalf("the log has %d lines:\n%s", len(lines), s.log)
	}
	for i, line := range lines {
		missing := slices.DeleteFunc(want[i], func(part string) bool { return strings.Contains(line, part) })
		if len(missing) > 0 || !strings.Contains(line, `"level":"INFO"`) {
			t.Errorf("%s\nhas no %s", line, fmt.Sprint(missing))
		}
	}
}
