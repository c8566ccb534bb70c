package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/client"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// exportToken is the token of a client that may list whole codes.
const exportToken = "export-token-000000"

// serve serves a real admin API on a store in memory. It returns a client that may write, and one that may export.
func serve(t *testing.T) (writer, exporter *client.Admin, _ *memory.Store) {
	t.Helper()
	store := memory.New(time.Now)
	server := httptest.NewServer(&admin.API{
		Engine:     daemon.NewEngine(store, simulator.Connector{}, nil, tasks.DefaultRules()),
		AdminStore: store, Activity: store, Tokens: admin.TokenList{admin.NewToken("shop", admin.Write, token), admin.NewToken("books", admin.Export, exportToken)},
	})
	t.Cleanup(server.Close)
	writer, err := client.NewAdmin(server.URL, tasks.NewSecret(token), client.Options{})
	checkErr(t, "writer", err)
	exporter, err = client.NewAdmin(server.URL, tasks.NewSecret(exportToken), client.Options{})
	checkErr(t, "exporter", err)
	return writer, exporter, store
}

// TestCodesAreEscapedInPaths calls the API with key codes that have a special meaning in a path.
func TestCodesAreEscapedInPaths(t *testing.T) {
	a, _, store := serve(t)
	codes := []keys.Code{".", "..", "a/b", "a//b", "%2F", "?x=1#", "+", "a&b", "revoke"}
	err := store.ImportKeys(t.Context(), adminstore.ImportBatch{ID: "b", Type: tasks.EventImported}, func(yield func(keys.Key, error) bool) {
		for _, c := range codes {
			if !yield(keys.Key{Code: c, Status: keys.Active}, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range codes {
		revoked, err := a.Revoke(t.Context(), c)
		checkErr(t, string(c), err)
		read, err := a.Key(t.Context(), c)
		checkErr(t, string(c), err)
		if revoked.Code != c || read.Code != c || !read.Revoked {
			t.Errorf("%s: %+v, %+v", c, revoked, read)
		}
	}
	if _, err := a.Key(t.Context(), ""); err == nil {
		t.Error("a key with no code was read")
	}
	_, err = a.Key(t.Context(), "none")
	checkErr(t, "none", err, client.KeyNotFound)
}

func TestListReadsAllPages(t *testing.T) {
	writer, a, _ := serve(t)
	issue, err := writer.Issue(t.Context(), "hook", client.Order{Count: 250, OrderID: "web-7"})
	checkErr(t, "issue", err)
	again, err := writer.Issue(t.Context(), "hook", client.Order{Count: 250, OrderID: "web-7"})
	checkErr(t, "again", err)
	if !reflect.DeepEqual(issue, again) || issue.PurchaseDate.IsZero() {
		t.Error("the same order had other keys")
	}
	var all []keys.Code
	for k, err := range a.Keys(t.Context(), client.KeyFilter{Statuses: []keys.Status{keys.Active, keys.Failed}, Used: new(false), Revoked: new(false), OrderID: new("web-7")}) {
		checkErr(t, "keys", err)
		all = append(all, k.Code)
	}
	if !slices.Equal(all, issue.Codes) {
		t.Errorf("%d keys", len(all))
	}
	found, err := a.Search(t.Context(), "web-")
	checkErr(t, "search", err)
	if len(found.Orders) != 20 || !slices.Contains(issue.Codes, found.Orders[0].Code) || len(found.Keys)+len(found.Tasks)+len(found.Plans) > 0 {
		t.Errorf("found %+v", found)
	}
	var actions []string
	for e, err := range a.Activity(t.Context(), activity.Filter{Actor: "shop", Subject: "web-7", Since: issue.PurchaseDate.Add(-time.Minute)}) {
		checkErr(t, "activity", err)
		actions = append(actions, fmt.Sprint(e.Action, e.Count, e.Address, e.At.IsZero()))
	}
	if want := "issue_keys250127.0.0.1false"; !slices.Equal(actions, []string{want, want}) {
		t.Errorf("%q", actions)
	}
	for _, filter := range []client.KeyFilter{{BoughtBefore: issue.PurchaseDate.Time}, {Country: "US"}, {Plan: "p"}, {BoughtAfter: issue.PurchaseDate.Add(time.Second)}} {
		for k, err := range a.Keys(t.Context(), filter) {
			t.Errorf("a key of no order and no task: %+v, %v", k, err)
		}
	}
	for k, err := range a.Keys(t.Context(), client.KeyFilter{OrderID: new("another")}) {
		t.Errorf("another order has a key: %+v, %v", k, err)
	}
	for _, err := range a.Keys(t.Context(), client.KeyFilter{}) {
		checkErr(t, "the first key", err)
		break // and read no further pages
	}
}

// TestOutcomeOfOpenTasks checks that a filter with the outcome of open tasks does not select all tasks.
func TestOutcomeOfOpenTasks(t *testing.T) {
	writer, a, store := serve(t)
	issue, err := writer.Issue(t.Context(), "hook", client.Order{Count: 2, OrderID: "o"})
	checkErr(t, "issue", err)
	checkErr(t, "plan", writer.EditPlan(t.Context(), "p", client.PlanEdit{Country: new("US"), Slots: new(1)}))
	engine := daemon.NewEngine(store, simulator.Connector{}, keyring.New([keyring.KeySize]byte{1}), tasks.DefaultRules())
	for _, code := range issue.Codes { // the second task ends immediately, because no slot is free
		account := tasks.Account{Login: tasks.NewSecret("a@example.com"), Password: tasks.NewSecret("a password 1")}
		checkErr(t, "accept", engine.Accept(t.Context(), tasks.Request{Kind: tasks.Upgrade, Code: code, Country: "US", Account: account}))
	}
	var found []keys.Code
	for task, err := range a.Tasks(t.Context(), adminstore.TaskFilter{Outcomes: []tasks.Outcome{""}}) {
		checkErr(t, "tasks", err)
		found = append(found, task.Code)
	}
	if !slices.Equal(found, issue.Codes[:1]) {
		t.Errorf("%q, not the open task of %s", found, issue.Codes[0])
	}
	for _, err := range a.Tasks(t.Context(), adminstore.TaskFilter{Outcomes: []tasks.Outcome{"", tasks.OutOfStock}}) {
		checkErr(t, "open and ended tasks", err, client.QueryInvalid)
	}
}

// TestIdempotencyKeyFitsIntoHeader checks that the error of a key with a control character says so. A program that gets
// ErrNoResponse would repeat such a call without end.
func TestIdempotencyKeyFitsIntoHeader(t *testing.T) {
	a, _, _ := serve(t)
	for _, key := range []string{"order-7\n", "order\x00", "\x7f"} {
		_, err := a.Issue(t.Context(), key, client.Order{Count: 1, OrderID: "o"})
		if err == nil || errors.Is(err, client.ErrNoResponse) || !strings.Contains(err.Error(), "idempotency key") {
			t.Errorf("%q: %v", key, err)
		}
	}
	_, err := a.Issue(t.Context(), "order 7 ü", client.Order{Count: 1, OrderID: "o"})
	checkErr(t, "a space and a letter", err)
}

// TestOnlyIssueIsRepeated checks that an order is repeated, and that no other change is repeated.
func TestOnlyIssueIsRepeated(t *testing.T) {
	away := step{status: 503, header: "Retry-After: 0", body: `{"type":"urn:keyseat:problem:unavailable","title":"t","status":503,"detail":"d","code":"unavailable"}`}
	a, w := openAdmin(t, away)
	_, err := a.Issue(t.Context(), "hook", client.Order{Count: 1, OrderID: "o"})
	checkErr(t, "issue", err, client.Unavailable)
	later, is := errors.AsType[*client.RetryLaterError](err)
	if p, also := errors.AsType[*client.Problem](err); !is || later.Status != 503 || !also || p.Detail != "d" || len(w.sent) != 1+client.DefaultRepeats {
		t.Errorf("%v, sent %d times", err, len(w.sent))
	}
	for i, r := range w.sent {
		if r.Header.Get("Idempotency-Key") != "hook" || r.Header.Get("Authorization") != "Bearer "+token || w.body[i] != `{"count":1,"order_id":"o","note":""}` {
			t.Errorf("%v %s", r.Header, w.body[i])
		}
	}
	for what, change := range map[string]func(context.Context, *client.Admin) error{
		"edit": func(ctx context.Context, a *client.Admin) error {
			return a.EditPlan(ctx, "p", client.PlanEdit{Slots: new(1)})
		},
		"retire":  func(ctx context.Context, a *client.Admin) error { return a.RetirePlan(ctx, "p") },
		"reset":   func(ctx context.Context, a *client.Admin) error { _, err := a.Reset(ctx, code); return err },
		"restore": func(ctx context.Context, a *client.Admin) error { _, err := a.Restore(ctx, code); return err },
		"retry":   func(ctx context.Context, a *client.Admin) error { _, err := a.Retry(ctx, "t"); return err },
		"resolve": func(ctx context.Context, a *client.Admin) error {
			_, err := a.Resolve(ctx, "t", tasks.Success)
			return err
		},
		"release": func(ctx context.Context, a *client.Admin) error { _, err := a.Release(ctx, "t"); return err },
	} {
		a, w := openAdmin(t, away)
		checkErr(t, what, change(t.Context(), a), client.Unavailable, client.ErrUnknown)
		if len(w.sent) != 1 {
			t.Errorf("%s was sent %d times", what, len(w.sent))
		}
	}
}

func TestPlanEdit(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for want, e := range map[string]client.PlanEdit{
		`{}`:                                    {},
		`{"expires_at":null}`:                   {ExpiresAt: new(time.Time{})},
		`{"expires_at":"2030-01-02T03:04:05Z"}`: {ExpiresAt: &at},
		`{"country":"us","slots":0,"address":"","invite":"i"}`: {Country: new("us"), Slots: new(0), Address: new(""), Invite: new("i")},
	} {
		a, w := openAdmin(t, step{status: 204})
		checkErr(t, want, a.EditPlan(t.Context(), "p", e))
		if r := w.sent[0]; w.body[0] != want || r.Method != http.MethodPut || r.URL.String() != "https://keys.example/admin/v1/plans/p" {
			t.Errorf("%s %s %s", r.Method, r.URL, w.body[0])
		}
	}
}

// TestInvalidAdminResponses checks responses that no admin API sends.
func TestInvalidAdminResponses(t *testing.T) {
	for _, body := range []string{``, `{}`, `[]`, `null`, `<html>`, `{"keys":[{}],"next":null}`, `{"keys":[],"next":""}`, `{"keys":[]}`, `{"codes":[],"count":0}`} {
		a, _ := openAdmin(t, step{status: 200, body: body})
		_, issue := a.Issue(t.Context(), "hook", client.Order{})
		_, key := a.Key(t.Context(), code)
		_, levels := a.Stock(t.Context())
		for _, err := range []error{issue, key, levels} {
			checkErr(t, body, err, client.ErrInvalidResponse)
		}
		_, task := a.Retry(t.Context(), "t")
		checkErr(t, body, task, client.ErrInvalidResponse, client.ErrUnknown)
		n := 0
		for _, err := range a.Keys(t.Context(), client.KeyFilter{}) {
			checkErr(t, body, err, client.ErrInvalidResponse)
			n++
		}
		if n != 1 {
			t.Errorf("%s: %d keys", body, n)
		}
	}
	for _, body := range []string{`<html>`, `{"code":"","status":404}`, `{"code":"not_found","status":400}`} {
		a, _ := openAdmin(t, step{status: 404, body: body})
		_, err := a.Key(t.Context(), code)
		if s, is := errors.AsType[*client.StatusError](err); !is || s.Code != 404 || strings.Contains(err.Error(), "html") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// TestCodesMatchAdminAPI compares the codes with those of the admin API.
func TestCodesMatchAdminAPI(t *testing.T) {
	all := []client.Code{
		client.BodyMalformed, client.QueryInvalid, client.IdempotencyKeyMissing, client.Unauthorized, client.TooManyRequests, client.Forbidden, client.NotFound,
		client.KeyNotFound, client.TaskNotFound, client.PlanNotFound, client.MethodNotAllowed, client.TaskOpen, client.TaskEnded,
		client.TaskLeased, client.NotSuspect, client.NotSpent, client.PlanInUse, client.Conflict, client.TooLarge, client.MediaType,
		client.FieldInvalid, client.OutcomeInvalid, client.IdempotencyKeyReused, client.Unavailable,
	}
	for i, c := range admin.Codes() {
		if len(all) != len(admin.Codes()) || string(c) != all[i].Error() {
			t.Errorf("%s is %q", c, all[i])
		}
	}
}

// Each type of a detail's fields has a name in package client.
var _ = func(d client.KeyDetail) (client.Explanation, []client.Event, client.Time, time.Time) {
	return d.Explanation, d.History, d.UsedDate, d.PurchaseDate.Time
}
