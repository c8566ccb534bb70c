package operator_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestConsoleReadOnlyToken checks that an operator with a read token sees no action and cannot use any.
func TestConsoleReadOnlyToken(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	k := openConsole(s, "read")
	s.AddKeys("A")
	s.ImportPlans("p,US,5,1 Street,")
	k.WaitText("read only")
	v, _ := k.o.SignIn(k.token)
	reference := v.KeyReference("A")
	k.visit(harness.KeyPath(reference))
	k.WaitText("It has not been used")
	if k.hasButton("Revoke") || k.hasButton("Reset") {
		t.Error("a reader is offered to change a key")
	}
	k.visit("/console/key/revoke?key=" + reference)
	k.WaitText("Your role can only read.")
	k.visit("/console/plans")
	if k.hasButton("Retire") {
		t.Error("a reader is offered to retire a plan")
	}
	form := "form=" + v.FormToken()
	for path, what := range map[string]string{
		"/console/key/revoke": "&key=" + reference, "/console/key/reset": "&key=" + reference, "/console/plan/retire": "&id=p",
		"/console/issue": "&step=issue&id=x&count=1&order_id=o",
	} {
		a := v.ExpectStatus(403, "POST", path, form+what)
		if !strings.Contains(a.Body, "this needs a token with the role write") && !strings.Contains(a.Body, "can only read") {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
	if s.Plans()["p"].State != "live" || strings.Count(s.MustExec("keys", "export"), "\n") != 2 || lastEvent(s, "A").Event != "imported" {
		t.Error("a reader has changed something")
	}
}

// TestConsoleSessions checks how a session starts, what it allows, and when it ends.
func TestConsoleSessions(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.AddKeys("A")
	o, file := s.ServeAdmin()
	token := s.AddToken(file, "ann", "write")
	v, a := o.SignIn(token)
	cookie := a.Header.Get("Set-Cookie")
	if a.Code != 303 || a.Header.Get("Location") != "/" || !strings.Contains(cookie, "; HttpOnly; SameSite=Strict") || strings.Contains(cookie, "Secure") {
		t.Errorf("%d %s", a.Code, cookie)
	}
	if _, a := o.SignIn(token, "X-Forwarded-Proto", "https"); !strings.Contains(a.Header.Get("Set-Cookie"), "; Secure; SameSite=Strict") && !strings.Contains(a.Header.Get("Set-Cookie"), "; HttpOnly; Secure") {
		t.Errorf("behind TLS: %s", a.Header.Get("Set-Cookie"))
	}
	if page := v.ExpectStatus(200, "GET", "/", "").Body; strings.Contains(page, token) {
		t.Error("the token is on the page")
	}
	key := "key=" + v.KeyReference("A")
	revoke := key + "&form=" + v.FormToken()
	v.ExpectStatus(403, "POST", "/console/key/revoke", key)
	v.ExpectStatus(403, "POST", "/console/key/revoke", key+"&form=")
	v.ExpectStatus(403, "POST", "/console/key/revoke?form="+v.FormToken(), key)
	other, _ := o.SignIn(token)
	v.ExpectStatus(403, "POST", "/console/key/revoke", key+"&form="+other.FormToken())
	v.ExpectStatus(403, "POST", "/console/key/revoke", revoke, "Origin", "https://evil.example")
	v.ExpectStatus(403, "POST", "/console/key/revoke", revoke, "Sec-Fetch-Site", "cross-site")
	v.ExpectStatus(403, "POST", "/console/key/revoke", revoke, "Sec-Fetch-Site", "same-site")
	v.ExpectStatus(403, "POST", "/console/signin", "token="+token, "Sec-Fetch-Site", "cross-site")
	o.Session("").ExpectStatus(303, "POST", "/console/key/revoke", revoke)
	o.Session("keyseat_console=x").ExpectStatus(303, "POST", "/console/key/revoke", revoke)
	v.ExpectStatus(403, "POST", "/console/signout", "")
	if lastEvent(s, "A").Event != "imported" {
		t.Error("a key was revoked")
	}
	v.ExpectStatus(303, "POST", "/console/key/revoke", revoke, "Sec-Fetch-Site", "same-origin")
	if lastEvent(s, "A").Event != "revoked" {
		t.Error("a key was not revoked")
	}
	v.ExpectStatus(303, "POST", "/console/signout", "form="+v.FormToken())
	v.ExpectStatus(303, "GET", "/", "") // the browser still sends the cookie
	other.ExpectStatus(200, "GET", "/console/keys", "")
	lines, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, regexp.MustCompile("(?m)^ann .*$").ReplaceAll(lines, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if a := other.ExpectStatus(303, "GET", "/console/keys", ""); a.Header.Get("Location") != "/console/signin" {
		t.Errorf("went to %s", a.Header.Get("Location"))
	}
	if err := os.WriteFile(file, lines, 0o600); err != nil {
		t.Fatal(err)
	}
	other.ExpectStatus(303, "GET", "/console/keys", "") // a session stays ended
	exhaustSignIns(o)
}

// exhaustSignIns tries to sign in with wrong tokens up to the limit. Afterwards a valid token is still accepted.
func exhaustSignIns(o *harness.Operator) {
	o.Helper()
	for range 10 {
		if _, a := o.SignIn("keyseat_admin_wrong"); a.Code != 403 || a.Header.Get("Set-Cookie") != "" || !strings.Contains(a.Body, "Unknown token.") {
			o.Errorf("%d %s", a.Code, a.Body)
		}
	}
	if _, a := o.SignIn("keyseat_admin_wrong"); a.Code != 429 || a.Header.Get("Retry-After") == "" {
		o.Errorf("%d %v", a.Code, a.Header)
	}
	if _, a := o.SignIn(o.Token); a.Code != 303 {
		o.Errorf("a valid token: %d %s", a.Code, a.Body)
	}
}

// TestConsoleNeedsTokenFile checks that only a daemon with a file of admin tokens has a console. Without the console,
// the other paths of the admin listener answer as they do with it.
func TestConsoleNeedsTokenFile(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	paths := []string{"GET /healthz", "POST /healthz", "GET /nothing", "GET /admin", "POST /metrics", "GET /console", "GET /", "GET /console/signin"}
	d := s.Serve()
	without := map[string]harness.Response{}
	for _, path := range paths {
		method, target, _ := strings.Cut(path, " ")
		without[path], _ = d.Send(method, d.AdminURL+target, "", nil)
	}
	d.Stop()
	o, _ := s.ServeAdmin()
	for _, path := range paths[:5] {
		method, target, _ := strings.Cut(path, " ")
		if a, err := o.Send(method, o.AdminURL+target, "", nil); err != nil || a.Code != without[path].Code || a.Body != without[path].Body {
			t.Errorf("%s: %d %s, without a console %d %s", path, a.Code, a.Body, without[path].Code, without[path].Body)
		}
	}
	for _, path := range paths[6:] {
		if without[path].Code != 404 {
			t.Errorf("%s without a console: %d", path, without[path].Code)
		}
	}
	if a, err := o.Send("GET", o.URL+"/console/signin", "", nil); err != nil || a.Code != 404 {
		t.Errorf("on the public listener: %d %v", a.Code, err)
	}
	if a, err := o.Send("GET", o.AdminURL+"/console/assets/uPlot.LICENSE.txt", "", nil); err != nil || !strings.Contains(a.Body, "Leon Sorokin") {
		t.Errorf("the licence of the charts: %d %v", a.Code, err)
	}
	o.Session("").ExpectStatus(404, "GET", "/console/a/b/c", "")
	o.Session("").ExpectStatus(404, "PUT", "/console/signin", "")
}

// TestConsoleOrigins checks from which origins an operator may sign in if the browser sends no fetch metadata.
func TestConsoleOrigins(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	o, _ := s.ServeAdmin()
	own := strings.TrimPrefix(o.AdminURL, "http://")
	for origin, want := range map[string]int{"http://" + own: 303, "http://evil.example": 403, "null": 403, "http://" + harness.LANHost: 403} {
		h := harness.Headers("Origin", origin, "Content-Type", harness.FormType)
		a, err := o.Send(http.MethodPost, o.AdminURL+"/console/signin", "token="+o.Token, h)
		if err != nil || a.Code != want {
			t.Errorf("%s: %d %v, want %d", origin, a.Code, err, want)
		}
	}
}
