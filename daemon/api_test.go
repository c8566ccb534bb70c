package daemon_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

func TestInfoHasFiveShapes(t *testing.T) {
	bought := time.Date(2026, 11, 22, 20, 37, 0, 999, time.FixedZone("CET", 3600))
	f := newFixture(t)
	f.importKeys(
		keys.Key{Code: "revoked", Revoked: true},
		keys.Key{Code: "failed_upgrade", Status: keys.FailedUpgrade, Message: "Wrong address", Username: "u", PurchaseDate: bought},
		keys.Key{Code: "success_renew", Status: keys.SuccessRenew, Message: "Key Renewed", UsedDate: bought},
		keys.Key{Code: "legacy", Used: true, Invite: "<i&j>", Address: "a \"1\""},
		keys.Key{Code: "failed", Status: keys.Failed, Used: true, Message: "m", Username: "u"},
		keys.Key{Code: "success", Status: keys.Success, Used: true, Username: "u", VerifyAddress: "a", UsedDate: bought},
		keys.Key{Code: "active"},
	)
	for code, want := range map[string]string{
		"":               notExist,
		"none":           notExist,
		"revoked":        notExist,
		"failed_upgrade": `{"status":"failed_upgrade","message":"Wrong address","used":0,"purchase_date":"2026-11-22T19:37:00Z","used_date":null}`,
		"success_renew":  `{"status":"success_renew","message":"Key Renewed","used":0,"purchase_date":null,"used_date":"2026-11-22T19:37:00Z"}`,
		"legacy":         `{"status":"active","message":"","invite":"<i&j>","address":"a \"1\"","used":1,"purchase_date":null,"used_date":null}`,
		"failed":         `{"status":"failed","message":"m","used":1,"purchase_date":null,"used_date":null}`,
		"success":        `{"status":"success","message":"","username":"u","verify_address":"a","used":1,"purchase_date":null,"used_date":"2026-11-22T19:37:00Z"}`,
		"active":         fresh,
	} {
		if got := f.get(url.Values{"info": {code}}); got != want {
			t.Errorf("%s:\n got %s\nwant %s", code, got, want)
		}
	}
}

func TestOwnCodesAreFoundInEverySpelling(t *testing.T) {
	f := newFixture(t)
	code := keys.Generate([keys.EntropyBytes]byte{1, 2, 3})
	f.importKeys(keys.Key{Code: code})
	for _, typed := range []string{string(code), strings.ToLower(string(code)), strings.ReplaceAll(string(code), "-", "")} {
		if got := f.get(url.Values{"info": {typed}}); got != fresh {
			t.Errorf("%s: %s", typed, got)
		}
	}
}

func TestStockIsSortedByName(t *testing.T) {
	f := newFixture(t)
	for i, c := range []stock.Country{"ZW", "AX", "AT", "AL", "US", "KR", "MK", "SZ", "TR", "CZ", "TT"} {
		f.addPlan(fmt.Sprint("p", i), c, i+1)
	}
	f.addPlan("none", "FR", 0)
	want := `[{"country":"Åland Islands","country_code":"AX","slots":2},{"country":"Albania","country_code":"AL","slots":4},` +
		`{"country":"Austria","country_code":"AT","slots":3},{"country":"Czechia","country_code":"CZ","slots":10},` +
		`{"country":"Eswatini","country_code":"SZ","slots":8},{"country":"North Macedonia","country_code":"MK","slots":7},` +
		`{"country":"South Korea","country_code":"KR","slots":6},{"country":"Trinidad & Tobago","country_code":"TT","slots":11},` +
		`{"country":"Türkiye","country_code":"TR","slots":9},{"country":"United States","country_code":"US","slots":5},` +
		`{"country":"Zimbabwe","country_code":"ZW","slots":1}]`
	if got := f.get(url.Values{"stock": {""}}); got != want {
		t.Errorf("got %s", got)
	}
}

func TestKeyTasksPerHourAreLimited(t *testing.T) {
	f := newFixture(t)
	f.api.Engine.Rules.KeyTasks = 2
	f.importKeys(keys.Key{Code: "K"})
	f.addPlan("p", "US", 1)
	for range 2 {
		if got := f.send("POST", "/API/", upgradeK).Body.String(); got != sent {
			t.Fatalf("got %s", got)
		}
		if got := f.get(url.Values{"info": {"K"}}); got != strings.Replace(fresh, "active", "in_queue", 1) {
			t.Errorf("got %s", got)
		}
		f.settle(tasks.AccountLocked)
	}
	r := f.send("POST", "/API/", upgradeK)
	if r.Code != 429 || r.Header().Get("Retry-After") != "1800" {
		t.Errorf("got %d, %q", r.Code, r.Header().Get("Retry-After"))
	}
	if got := r.Body.String(); got != `{"status":"error","message":"Too many requests, try again later"}` {
		t.Errorf("got %s", got)
	}
}

// settle ends the due task with an outcome.
func (f fixture) settle(o tasks.Outcome) {
	f.Helper()
	jobs, err := f.engine.Lease(f.Context(), "test", 1, time.Minute)
	f.must(err)
	attempt := tasks.Attempt{Sent: jobs[0].At, Result: tasks.ConnectorResult{Effect: tasks.Settled, Outcome: o}}
	verdicts, err := f.store.Apply(f.Context(), []tasks.Change{f.engine.Rules.Settle(jobs[0].Snapshot, attempt, f.engine.NewID(), false)})
	f.must(err)
	f.must(verdicts[0])
}

func TestUnknownKeysAreLimitedPerMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		own := keys.Generate([keys.EntropyBytes]byte{9})
		f.importKeys(keys.Key{Code: "K"}, keys.Key{Code: "R", Revoked: true}, keys.Key{Code: own})
		trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::7/128")}
		var err error
		f.api.UnknownKeyLimiter, err = ratelimit.New(3, trusted, time.Now)
		f.must(err)
		get := func(from, query string) int {
			return f.send("GET", "/API/?"+query, "", func(r *http.Request) { r.RemoteAddr = from }).Code
		}
		want := func(from, query string, status int) {
			t.Helper()
			if got := get(from, query); got != status {
				t.Fatalf("%s from %s: %d, want %d", query, from, got, status)
			}
		}
		for range 9 { // none of these requests counts as a guess
			want("[2001:db8::1]:1", "info=K", 200)
			want("[2001:db8::1]:1", "info=", 200)
			want("[2001:db8::1]:1", "info=%20", 200)
			want("[2001:db8::1]:1", "stock", 200)
			want("[2001:db8::1]:1", "info="+string(keys.Generate([keys.EntropyBytes]byte{7})), 200)
			want("10.1.2.3:1", "info=none", 200)
			want("[::ffff:10.1.2.3]:1", "info=none", 200)
		}
		want("[2001:db8::1]:1", "info=none", 200)
		want("[2001:db8::2]:1", "upgrade=none", 200)
		want("[2001:db8::3]:1", "info=R", 200) // a revoked key counts as an unknown key
		for _, query := range []string{"info=none", "info=K", "renew=K", "info=R"} {
			want("[2001:db8::4]:1", query, 429)
		}
		want("[2001:db8::7]:1", "info=K", 200) // this address is trusted, although its network is blocked
		want("[2001:db8::4]:1", "info=", 200)
		want("[2001:db8::4]:1", "stock", 200)
		want("[2001:db8::4]:1", "info="+string(own), 200)
		want("[2001:db8:0:1::1]:1", "info=K", 200)
		want("192.0.2.1:1", "info=K", 200)
		time.Sleep(time.Minute)
		want("[2001:db8::4]:1", "info=K", 200)
	})
}

// TestRevokedKeyCountsInEveryCall checks that an upgrade and a renew of a revoked key count as unknown keys, as info does.
func TestRevokedKeyCountsInEveryCall(t *testing.T) {
	f := newFixture(t)
	f.importKeys(keys.Key{Code: "R", Revoked: true})
	for _, query := range []string{
		"info=R", "upgrade=R&login=a@example.com&pwd=p&country=US", "renew=R&login=a@example.com&pwd=long+enough+1",
	} {
		var err error
		f.api.UnknownKeyLimiter, err = ratelimit.New(1, nil, time.Now)
		f.must(err)
		if r := f.send("GET", "/API/?"+query, ""); r.Code != http.StatusOK || !strings.Contains(r.Body.String(), "This key was not found in our database") {
			t.Errorf("%s: %d %s", query, r.Code, r.Body)
		}
		if r := f.send("GET", "/API/?"+query, ""); r.Code != http.StatusTooManyRequests {
			t.Errorf("%s is answered past the limit: %d %s", query, r.Code, r.Body)
		}
	}
}

// A gatedStore is a store that calls a function before it reads keys.
type gatedStore struct {
	*memory.Store
	before func()
}

func (g gatedStore) Find(ctx context.Context, codes []keys.Code) ([]keys.Key, error) {
	g.before()
	return g.Store.Find(ctx, codes)
}

// TestGuessOfKnownKeyIsLimited checks that a guess is refused if its address was blocked during the call, whatever the
// status of the guessed key is. Otherwise simultaneous guesses would all be answered.
func TestGuessOfKnownKeyIsLimited(t *testing.T) {
	f := newFixture(t)
	statuses := []keys.Status{keys.Active, keys.InQueue, keys.Success, keys.SuccessRenew, keys.FailedUpgrade, keys.Failed}
	for _, status := range statuses {
		f.importKeys(keys.Key{Code: keys.Code(status), Status: status, Used: status == keys.Success || status == keys.Failed, Username: "u", VerifyAddress: "v"})
	}
	for _, status := range statuses {
		limiter, err := ratelimit.New(1, nil, time.Now)
		f.must(err)
		block := func() { limiter.Record(t.Context(), netip.MustParseAddr("192.0.2.1")) }
		engine := daemon.NewEngine(gatedStore{f.store, block}, simulator.Connector{}, plain{}, tasks.DefaultRules())
		f.api = &daemon.API{Engine: engine, UnknownKeyLimiter: limiter}
		if r := f.send("GET", "/API/?info="+string(status), ""); r.Code != http.StatusTooManyRequests {
			t.Errorf("%s: %d %s", status, r.Code, r.Body)
		}
	}
}

// TestAcceptedTaskCallsWake checks that only an accepted task calls Wake.
func TestAcceptedTaskCallsWake(t *testing.T) {
	f := newFixture(t)
	f.importKeys(keys.Key{Code: "K"})
	f.addPlan("p", "US", 1)
	wakes := 0
	f.api.Wake = func() { wakes++ }
	for _, c := range []struct {
		body  string
		wakes int // the number of calls of Wake after the request
	}{{"info=K", 0}, {"upgrade=K", 0}, {upgradeK, 1}, {upgradeK, 1}} {
		if f.send("POST", "/API/", c.body); wakes != c.wakes {
			t.Errorf("%s: %d calls of Wake, want %d", c.body, wakes, c.wakes)
		}
	}
}

func TestStoppingAPIAnswers503(t *testing.T) {
	f := newFixture(t)
	f.api.Stop()
	r := f.send("GET", "/API/?stock", "")
	if r.Code != 503 || r.Header().Get("Retry-After") == "" {
		t.Errorf("got %d", r.Code)
	}
	if got := r.Body.String(); got != `{"status":"error","message":"System error, try again and if the problem persists contact support"}` {
		t.Errorf("got %s", got)
	}
}
