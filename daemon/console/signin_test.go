package console_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/console"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// TestProxyUsers checks that an operator signs in by the headers of a trusted proxy only, with the role of a group, and
// that changes have the operator's name.
func TestProxyUsers(t *testing.T) {
	var log bytes.Buffer
	s := newFixture(t, func(o *console.Options) {
		o.Log = slog.New(slog.NewJSONHandler(&log, nil))
		o.Proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		o.ProxyUsers = console.ProxyUsers{
			UserHeader: "X-Forwarded-User", GroupsHeader: "X-Forwarded-Groups",
			Roles: []console.GroupRole{{Group: "owners", Role: admin.Write}, {Group: "desk", Role: admin.Support}},
		}
	})
	s.importKeys("code-one-1")
	send := func(peer, path, cookie string, form url.Values, headers ...string) *httptest.ResponseRecorder {
		t.Helper()
		method := http.MethodGet
		if form != nil {
			method = http.MethodPost
		}
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(form.Encode()))
		r.RemoteAddr = peer + ":1234"
		r.Header.Set("Cookie", cookie)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i < len(headers); i += 2 {
			r.Header.Add(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		s.console.ServeHTTP(w, r)
		return w
	}
	owner := []string{"X-Forwarded-User", "ann@example.com", "X-Forwarded-Groups", "staff, owners"}
	desk := []string{"X-Forwarded-User", "bob", "X-Forwarded-Groups", "desk"}
	for name, c := range map[string]struct {
		peer    string
		headers []string
		code    int
	}{
		"a trusted proxy": {"10.1.2.3", owner, 200}, "another peer": {"192.0.2.1", owner, 303}, "no header": {"10.1.2.3", nil, 303},
		"no role":             {"10.1.2.3", []string{"X-Forwarded-User", "eve", "X-Forwarded-Groups", "staff"}, 403},
		"two names":           {"10.1.2.3", append([]string{"X-Forwarded-User", "eve"}, owner...), 403},
		"a name with a space": {"10.1.2.3", []string{"X-Forwarded-User", "a b", "X-Forwarded-Groups", "owners"}, 403},
	} {
		if w := send(c.peer, "/console/keys", "", nil, c.headers...); w.Code != c.code {
			t.Errorf("%s: %d, want %d: %s", name, w.Code, c.code, w.Body)
		}
	}
	for groups, want := range map[string]string{
		"":              "eve, but the proxy named no group of yours. To use another account, sign out at the proxy.",
		"staff, <desk>": "eve, but none of your groups (staff, &lt;desk&gt;) has a role in this console.",
	} {
		headers := []string{"X-Forwarded-User", "eve"}
		if groups != "" {
			headers = append(headers, "X-Forwarded-Groups", groups)
		}
		s.expect(send("10.1.2.3", "/", "", nil, headers...).Body.String(), []string{want}, nil)
	}
	w := send("10.1.2.3", "/console/keys", "", nil, owner...)
	cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	s.expect(w.Body.String(), []string{"proxy:ann@example.com", "Import keys"}, []string{"Sign out"})
	form := regexp.MustCompile(`name="form" value="(\w+)"`).FindStringSubmatch(w.Body.String())[1]
	reference := regexp.MustCompile(`name="page" value="([^"]+)"`).FindStringSubmatch(w.Body.String())[1]
	revoke := url.Values{"form": {form}, "key": {reference}}
	for name, c := range map[string]struct {
		peer    string
		headers []string
		code    int
	}{
		"the cookie without the proxy": {"192.0.2.1", nil, 303}, "the cookie at another peer": {"192.0.2.1", owner, 303},
		"the cookie of another operator": {"10.1.2.3", desk, 403},
	} {
		if w := send(c.peer, "/console/key/revoke", cookie, revoke, c.headers...); w.Code != c.code {
			t.Errorf("%s: %d, want %d: %s", name, w.Code, c.code, w.Body)
		}
	}
	if w := send("10.1.2.3", "/console/key/revoke", cookie, revoke, owner...); w.Code != 303 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	history, err := s.store.History(t.Context(), "code-one-1")
	if err != nil || len(history) != 2 || history[1].Note != "by proxy:ann@example.com" {
		t.Errorf("%+v %v", history, err)
	}
	if !strings.Contains(log.String(), `"action":"sign in","token":"proxy:ann@example.com"`) {
		t.Error(log.String())
	}
}

// TestRefreshSignsNobodyIn checks that an open page, which loads itself again, makes no sign-in of an operator whom a
// proxy names, after the session has ended. The next request by a person is a sign-in.
func TestRefreshSignsNobodyIn(t *testing.T) {
	s := newFixture(t, func(o *console.Options) {
		o.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		o.ProxyUsers = console.ProxyUsers{UserHeader: "X-Forwarded-User", Roles: []console.GroupRole{{Group: "*", Role: admin.Write}}}
	})
	cookie := ""
	open := func(refresh bool) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("X-Forwarded-User", "ann")
		r.Header.Set("Cookie", cookie)
		if refresh {
			r.Header.Set("Keyseat-Refresh", "true")
		}
		w := httptest.NewRecorder()
		s.console.ServeHTTP(w, r)
		if set, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";"); set != "" {
			cookie = set
		}
		if w.Code != http.StatusOK {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	signIns := func() int {
		t.Helper()
		all, err := s.store.Activity(t.Context(), activity.Filter{Actor: "proxy:ann", Action: activity.SignIn}, adminstore.Page{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		return len(all.Entries)
	}
	open(false)
	for range 24 {
		*s.now = s.now.Add(time.Hour)
		open(true)
	}
	if n := signIns(); n != 1 {
		t.Errorf("%d sign-ins after a day of refreshes, want 1", n)
	}
	open(false)
	open(false)
	if n := signIns(); n != 2 {
		t.Errorf("%d sign-ins after the person has returned, want 2", n)
	}
}
