package connectortest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/tasks"
)

// A rawRequest is a request that a test sends without the connector, so that it can be invalid.
type rawRequest struct {
	method, path, contentType, key, attempt, token string
	body                                           any
}

func upgrade(key, login string) rawRequest {
	task, _, _ := strings.Cut(key, "-")
	return rawRequest{
		http.MethodPost, "/upgrade", "application/json", key, "1", "",
		map[string]any{
			"task_id": task, "kind": "upgrade", "country": "US",
			"account": map[string]string{"login": login, "password": "p"},
			"plan":    map[string]string{"id": "plan-" + key, "address": "a", "invite": "i"},
		},
	}
}

// send returns the status and body of the response, or the error.
func send(t *testing.T, p *connectortest.Provider, a rawRequest) string {
	t.Helper()
	body, _ := json.Marshal(a.body)
	r, err := http.NewRequestWithContext(t.Context(), a.method, p.URL+a.path, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{
		"Content-Type": {a.contentType}, "Idempotency-Key": {a.key},
		"Keyseat-Attempt": {a.attempt}, "Authorization": {"Bearer " + a.token},
	}
	r.GetBody = nil // otherwise net/http repeats the request
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return "cut"
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return "cut within"
	}
	return fmt.Sprint(response.StatusCode, " ", response.Header.Get("Retry-After"), strings.TrimSpace(string(text)))
}

func TestScript(t *testing.T) {
	const plain = `200 {"outcome":"success","username":"user-T1"}`
	for login, want := range map[string][]string{
		"anna@example.com":                      {plain, plain},
		"john.doe@example.com":                  {plain},
		"already_premium@example.com":           {`200 {"outcome":"already_premium"}`, `200 {"outcome":"already_premium"}`},
		"503=7+202+already_premium@example.com": {"503 7", "202 ", `200 {"outcome":"already_premium"}`},
		"cut_after+plan_full@example.com":       {"cut", `200 {"outcome":"plan_full"}`},
		"cut@example.com":                       {"cut", "cut"},
		"truncated_after+x":                     {"cut within", plain},
		"odd_outcome":                           {`200 {"outcome":"eaten_by_bears"}`},
		"slow=1":                                {plain},
		"empty+204":                             {"200 ", "204 "},
	} {
		p := connectortest.NewProvider(t)
		for i, w := range want {
			if got := send(t, p, upgrade("T1-1", login)); got != w {
				t.Errorf("%s, attempt %d: %s, want %s", login, i+1, got, w)
			}
		}
		p.CheckAll(t)
	}
}

func TestPlans(t *testing.T) {
	p := connectortest.NewProvider(t)
	for i, want := range []string{"plan_full", "plan_expired", "plan_expired"} {
		if got := send(t, p, upgrade(fmt.Sprintf("T1-%d", i+1), "plan_full.plan_expired@example.com")); !strings.Contains(got, want) {
			t.Errorf("plan %d: %s", i+1, got)
		}
	}
	p.CheckAll(t)
}

func TestEffects(t *testing.T) {
	p := connectortest.NewProvider(t)
	for range 3 {
		send(t, p, upgrade("T1-1", "500+500_after+cut@example.com"))
		send(t, p, upgrade("T2-1", "500@example.com"))
	}
	e := p.Effects()["T1-1"]
	e.Body = ""
	want := connectortest.Effect{
		Key: "T1-1", Task: "T1", Kind: tasks.Upgrade, Plan: "plan-T1-1",
		Login: "500+500_after+cut@example.com", Outcome: tasks.Success, Count: 1,
	}
	if e != want || len(p.Effects()) != 1 || len(p.Requests()) != 6 {
		t.Errorf("%+v of %d requests", p.Effects(), len(p.Requests()))
	}
	p.CheckAll(t)
}

func TestHookAndToken(t *testing.T) {
	p := connectortest.NewProvider(t)
	p.Token = "right"
	p.Hook = func(q connectortest.Request) string { return map[string]string{"T1-1": "503+wrong_address"}[q.Key()] }
	a, b := upgrade("T1-1", "anna"), upgrade("T2-1", "anna")
	if got := send(t, p, a); got != "401 " {
		t.Error(got)
	}
	a.token, b.token = "right", "right"
	if got := send(t, p, a); got != `200 {"outcome":"wrong_address"}` { // the 503 was for the first attempt
		t.Error(got)
	}
	if got := send(t, p, b); !strings.Contains(got, "success") {
		t.Error(got)
	}
}

// TestRecordTo checks that a second provider continues from the file of the first one.
func TestRecordTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	first, second, other := connectortest.NewProvider(t), connectortest.NewProvider(t), connectortest.NewProvider(t)
	recordTo(t, first, path)
	recordTo(t, other, path)
	send(t, first, upgrade("T1-1", "plan_full"))
	recordTo(t, second, path)
	second.Hook = func(connectortest.Request) string { return "success" }
	if got := send(t, second, upgrade("T1-1", "plan_full")); !strings.Contains(got, "plan_full") {
		t.Errorf("not the first result: %s", got)
	}
	second.CheckAll(t)
	send(t, second, upgrade("T1-1", "another"))
	if err := second.Check(); err == nil || !strings.Contains(err.Error(), "another body") {
		t.Error(err)
	}
	send(t, other, upgrade("T1-1", "plan_full")) // which has not received the first request
	var lines []string
	for line, err := range connectortest.ReadLedger(path) {
		switch {
		case err != nil:
			t.Fatal(err)
		case line.Request != nil:
			lines = append(lines, "request "+line.Request.Login)
			if line.Request.Account != connectortest.HashAccount(tasks.Account{Login: tasks.NewSecret(line.Request.Login), Password: tasks.NewSecret("p")}) || line.At.IsZero() {
				t.Errorf("%+v", line.Request)
			}
		default:
			lines = append(lines, "effect "+line.Effect.Login)
		}
	}
	if got := strings.Join(lines, ", "); got != "request plan_full, effect plan_full, request plan_full, request another, request plan_full, effect plan_full" {
		t.Error(got)
	}
	last := connectortest.NewProvider(t)
	recordTo(t, last, path)
	if err := last.Check(); err == nil || !strings.Contains(err.Error(), "T1-1 was done 2 times") {
		t.Error(err)
	}
}

func recordTo(t *testing.T, p *connectortest.Provider, path string) {
	t.Helper()
	if err := p.RecordTo(path); err != nil {
		t.Fatal(err)
	}
}

// TestViolations sends requests that violate the protocol.
func TestViolations(t *testing.T) {
	with := func(change func(*rawRequest)) []rawRequest {
		a := upgrade("T1-1", "anna")
		change(&a)
		return []rawRequest{a}
	}
	body := func(change func(map[string]any)) []rawRequest {
		return with(func(a *rawRequest) { change(a.body.(map[string]any)) })
	}
	samePlan := upgrade("T1-2", "plan_full")
	samePlan.body.(map[string]any)["plan"] = upgrade("T1-1", "").body.(map[string]any)["plan"]
	for want, requests := range map[string][]rawRequest{
		"GET with":                          with(func(a *rawRequest) { a.method = http.MethodGet }),
		"content type":                      with(func(a *rawRequest) { a.contentType = "text/plain" }),
		"Keyseat-Attempt is not a positive": with(func(a *rawRequest) { a.attempt = "0" }),
		`the key "T1" is not`:               with(func(a *rawRequest) { a.key = "T1" }),
		`the key "T2-1" is not`:             with(func(a *rawRequest) { a.key = "T2-1" }),
		`the key "T1-01" is not`:            with(func(a *rawRequest) { a.key = "T1-01" }),
		"was sent to /renew":                with(func(a *rawRequest) { a.path = "/renew" }),
		"was sent to /upgrade?a=b":          with(func(a *rawRequest) { a.path = "/upgrade?a=b" }),
		"not the JSON":                      with(func(a *rawRequest) { a.body = "text" }),
		"not the JSON of a request":         body(func(m map[string]any) { m["more"] = 1 }),
		"an upgrade without a plan":         body(func(m map[string]any) { delete(m, "plan") }),
		"T1-1 came with another body":       {upgrade("T1-1", "anna"), upgrade("T1-1", "otto")},
		"T1-1 and T1-2 are for the same":    {upgrade("T1-1", "plan_full"), samePlan},
		"both succeeded":                    {upgrade("T1-1", "anna"), upgrade("T1-2", "anna")},
		"a renew with a plan":               with(func(a *rawRequest) { a.path = "/renew"; a.body.(map[string]any)["kind"] = "renew" }),
	} {
		p := connectortest.NewProvider(t)
		for _, a := range requests {
			send(t, p, a)
		}
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func ExampleProvider() {
	provider := new(connectortest.Provider)
	service := httptest.NewServer(provider)
	defer service.Close()

	for attempt := range 2 {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, service.URL+"/renew", strings.NewReader(
			`{"task_id":"t1","kind":"renew","country":"US","account":{"login":"html_after+still_premium@example.com","password":"p"}}`,
		))
		if err != nil {
			fmt.Println(err)
			return
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", "t1-1")
		r.Header.Set("Keyseat-Attempt", strconv.Itoa(attempt+1))
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		text, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		fmt.Printf("%d %s\n", answer.StatusCode, strings.TrimSpace(string(text)))
	}
	fmt.Println(provider.Effects()["t1-1"].Count, provider.Check())
	// Output:
	// 200 <html><body>We will be back soon</body></html>
	// 200 {"outcome":"still_premium"}
	// 1 <nil>
}
