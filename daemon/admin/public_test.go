package admin_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// TestPublicDocument checks the answers of the public API against its document, and causes each
// of them.
func TestPublicDocument(t *testing.T) {
	s := newFixture(t)
	doc := served(t, "public-openapi.json")
	limiter, err := ratelimit.New(1, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, time.Now)
	s.must(err)
	api := &daemon.API{Engine: s.engine, UnknownKeyLimiter: limiter}
	send := func(method, query, body string, edit ...func(*http.Request)) string {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), method, "/API/?"+query, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, e := range edit {
			e(r)
		}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if err := doc.check(r, w); err != nil {
			t.Errorf("%s %s: %d %s\n%v", method, query, w.Code, w.Body, err)
		}
		return w.Body.String()
	}
	s.plan("p", "US", 3)
	s.importKeys(
		keys.Key{Code: "K"}, keys.Key{Code: "invite", Used: true, Invite: "i", Address: "a"}, keys.Key{Code: "said", Message: "by hand"},
		keys.Key{Code: "used", Status: keys.Success, Used: true, Username: "u", UsedDate: time.Now()}, keys.Key{Code: "gone", Revoked: true},
		keys.Key{Code: "failed", Status: keys.Failed, Used: true, Message: "x", PurchaseDate: time.Now()},
	)
	const account = "&login=l&pwd=correct+horse+1&country=US"
	for _, method := range []string{"GET", "POST"} {
		for _, query := range []string{
			"stock", "info=K", "info=invite", "info=said", "info=used", "info=gone", "info=none", "info=failed", "info=",
			"upgrade=K", "upgrade=K&pwd=x", "upgrade=K&pwd=x&login=l", "upgrade=used" + account, "upgrade=gone" + account, "upgrade=" + account,
			"renew=used", "renew=K" + account, "renew=invite" + account, "renew=used&newemail=x" + account, "renew=used" + account,
			"upgrade=K" + account, "renew=K" + account, "", "info=K&stock", "info=%zz", "info=%ff",
		} {
			if method == "GET" {
				send(method, query, "")
			} else {
				send(method, "", query)
			}
		}
		send(method, "info=none", "", func(r *http.Request) { r.RemoteAddr = "198.51.100.1:1" })
		send(method, "info=K", "", func(r *http.Request) { r.RemoteAddr = "198.51.100.1:1" })
		send(method, "info=K", "", func(r *http.Request) { r.RequestURI = strings.Repeat("x", 17<<10) })
		send(method, "info=K", "", func(r *http.Request) { r.Header.Set("X", strings.Repeat("x", 17<<10)) })
		send("PUT", "info=K", "")
	}
	send("POST", "info=K", "x=1", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") })
	send("POST", "info=K", strings.Repeat("x", 17<<10))
	for _, kind := range tasks.Kinds() {
		for _, o := range tasks.Outcomes(kind) {
			info := keys.Key{Code: keys.Code(string(kind) + "-" + string(o)), Message: o.Message(kind)}
			s.importKeys(info)
			send("GET", "info="+string(info.Code), "")
		}
	}
	api.Stop()
	send("GET", "stock", "")
	send("POST", "stock", "")
	for _, answer := range doc.declared() {
		if !doc.seen[answer] && !strings.HasSuffix(answer, " 404") { // which is for another path than the document's
			t.Errorf("no request caused the documented response %s", answer)
		}
	}
}
