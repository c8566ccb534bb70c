package blackbox_test

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
)

// A Session speaks to a console without a browser, as one with that cookie.
type Session struct {
	*Operator
	Cookie string
}

// SignIn signs in and gives what the cookie is like.
func (o *Operator) SignIn(token string, headers ...string) (Session, Response) {
	o.Helper()
	a := Session{o, ""}.Request("POST", "/console/signin", "token="+url.QueryEscape(token), headers...)
	cookie, _, _ := strings.Cut(a.Header.Get("Set-Cookie"), ";")
	return Session{o, cookie}, a
}

// Request sends a request, and holds the answer to what all of them are like.
func (v Session) Request(method, path, form string, headers ...string) Response {
	v.Helper()
	h := Headers(append([]string{"Cookie", v.Cookie}, headers...)...)
	if form != "" {
		h.Set("Content-Type", FormType)
	}
	a, err := v.Send(method, v.AdminURL+path, form, h)
	if err != nil {
		v.Fatal(err)
	}
	policy := a.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, want) {
			v.Errorf("%s %s: the policy %q lacks %s", method, path, policy, want)
		}
	}
	if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("X-Frame-Options") != "DENY" || a.Header.Get("Referrer-Policy") != "same-origin" {
		v.Errorf("%s %s: %v", method, path, a.Header)
	}
	return a
}

// ExpectStatus sends a request that must be answered so.
func (v Session) ExpectStatus(want int, method, path, form string, headers ...string) Response {
	v.Helper()
	a := v.Request(method, path, form, headers...)
	if a.Code != want {
		v.Errorf("%s %s: %d, want %d", method, path, a.Code, want)
	}
	return a
}

var formToken = regexp.MustCompile(`name="form" value="(\w{20,})"`)

// FormToken is what every form of the session has.
func (v Session) FormToken() string {
	v.Helper()
	found := formToken.FindStringSubmatch(v.ExpectStatus(200, "GET", "/", "").Body)
	if found == nil {
		v.Fatal("no form has anything that nobody else knows")
	}
	return found[1]
}

// TestConsoleReadOnlyToken holds that who may only read is offered nothing more, and gets nothing more.
func TestConsoleReadOnlyToken(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	k := s.openConsole("read")
	s.AddKeys("A")
	s.ImportPlans("p,US,5,1 Street,")
	k.WaitText("read only")
	k.visit(KeyPath("A"))
	k.WaitText("It has not been used")
	if k.hasButton("Revoke") || k.hasButton("Reset") {
		t.Error("a reader is offered to change a key")
	}
	k.visit("/console/key/revoke?code=A")
	k.WaitText("Your token can only read.")
	k.visit("/console/plans")
	if k.hasButton("Retire") {
		t.Error("a reader is offered to retire a plan")
	}
	v, _ := k.o.SignIn(k.token)
	form := "form=" + v.FormToken()
	for path, what := range map[string]string{
		"/console/key/revoke": "&code=A", "/console/key/reset": "&code=A", "/console/plan/retire": "&id=p",
		"/console/issue": "&step=issue&id=x&count=1&order_id=o",
	} {
		a := v.ExpectStatus(403, "POST", path, form+what)
		if !strings.Contains(a.Body, "this needs a token with the role write") && !strings.Contains(a.Body, "can only read") {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
	if s.Plans()["p"].State != "live" || strings.Count(s.MustExec("keys", "export"), "\n") != 2 || s.lastEvent("A").Event != "imported" {
		t.Error("a reader has changed something")
	}
}

// TestConsoleSessions holds who gets one, what it is good for, and when it ends.
func TestConsoleSessions(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
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
	revoke := "code=A&form=" + v.FormToken()
	v.ExpectStatus(403, "POST", "/console/key/revoke", "code=A")
	v.ExpectStatus(403, "POST", "/console/key/revoke", "code=A&form=")
	v.ExpectStatus(403, "POST", "/console/key/revoke?form="+v.FormToken(), "code=A")
	other, _ := o.SignIn(token)
	v.ExpectStatus(403, "POST", "/console/key/revoke", "code=A&form="+other.FormToken())
	v.ExpectStatus(403, "POST", "/console/key/revoke", revoke, "Origin", "https://evil.example")
	v.ExpectStatus(403, "POST", "/console/key/revoke", revoke, "Sec-Fetch-Site", "cross-site")
	v.ExpectStatus(403, "POST", "/console/key/revoke", revoke, "Sec-Fetch-Site", "same-site")
	v.ExpectStatus(403, "POST", "/console/signin", "token="+token, "Sec-Fetch-Site", "cross-site")
	Session{o, ""}.ExpectStatus(303, "POST", "/console/key/revoke", revoke)
	Session{o, "keyseat_console=x"}.ExpectStatus(303, "POST", "/console/key/revoke", revoke)
	v.ExpectStatus(403, "POST", "/console/signout", "")
	if s.lastEvent("A").Event != "imported" {
		t.Error("a key was revoked")
	}
	v.ExpectStatus(303, "POST", "/console/key/revoke", revoke, "Sec-Fetch-Site", "same-origin")
	if s.lastEvent("A").Event != "revoked" {
		t.Error("a key was not revoked")
	}
	v.ExpectStatus(303, "POST", "/console/signout", "form="+v.FormToken())
	v.ExpectStatus(303, "GET", "/", "") // whatever the browser still says
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
	other.ExpectStatus(303, "GET", "/console/keys", "") // it does not come back with the line
	o.exhaustSignIns()
}

// exhaustSignIns shows wrong tokens until no more are taken, not even a right one.
func (o *Operator) exhaustSignIns() {
	o.Helper()
	for range 10 {
		if _, a := o.SignIn("keyseat_admin_wrong"); a.Code != 403 || a.Header.Get("Set-Cookie") != "" || !strings.Contains(a.Body, "Nobody has this token.") {
			o.Errorf("%d %s", a.Code, a.Body)
		}
	}
	if _, a := o.SignIn(o.Token); a.Code != 429 || a.Header.Get("Retry-After") == "" {
		o.Errorf("%d %v", a.Code, a.Header)
	}
}

// TestConsoleNeedsTokenFile holds that the console is where a file of tokens is and nowhere else, and that
// its neighbours answer as they do without it.
func TestConsoleNeedsTokenFile(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	paths := []string{"GET /healthz", "POST /healthz", "GET /nothing", "GET /admin", "POST /metrics", "GET /console", "GET /", "GET /console/signin"}
	d := s.Serve()
	without := map[string]Response{}
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
	Session{o, ""}.ExpectStatus(404, "GET", "/console/a/b/c", "")
	Session{o, ""}.ExpectStatus(404, "PUT", "/console/signin", "")
}

// TestConsoleShowsNoSecret looks for secrets on every page, and for whole keys in the log.
func TestConsoleShowsNoSecret(t *testing.T) {
	t.Parallel()
	c := newCanary(NewSQLiteShop(t))
	o, file := c.ServeAdmin("--task-attempts", "1")
	v, _ := o.SignIn(o.Token)
	c.ImportPlans("p,US,9,1 Street,")
	c.AddKeys(wholeKey, "K1", "K2")
	for code, script := range map[string]string{wholeKey: "202", "K1": "500_after", "K2": "success"} {
		o.Post(c.form("upgrade", code, script))
	}
	o.WaitEnd("K1")
	o.WaitEnd("K2")
	pages := []string{"/", "/console/keys", "/console/plans", "/console/tasks", "/console/tasks?state=open", "/console/issue", "/console/keys?q=" + wholeKey}
	for _, code := range []string{wholeKey, "K1", "K2"} {
		pages = append(pages, KeyPath(code), "/console/key/revoke?code="+code)
	}
	for _, t := range c.Tasks() {
		pages = append(pages, TaskPath(t.ID), "/console/task/resolve?id="+t.ID)
	}
	for _, path := range pages {
		a := v.Request("GET", path, "")
		if a.Code != 200 && a.Code != 303 {
			t.Errorf("%s: %d", path, a.Code)
		}
		c.scanText(path, fmt.Sprint(a.Header, a.Body))
		if strings.Contains(a.Body, o.Token) || strings.Contains(a.Body, v.Cookie) {
			t.Errorf("%s tells the token or the session", path)
		}
	}
	v.ExpectStatus(303, "POST", "/console/key/revoke", "code="+wholeKey+"&form="+v.FormToken())
	o.Eventually("the audit log tells who has revoked a key", func() bool {
		log := o.Logs.String()
		return strings.Contains(log, `"action":"POST /admin/v1/keys/{code}/revoke"`) && strings.Contains(log, `"token":"webshop"`)
	})
	log := o.Logs.String()
	c.scanText("the log", log)
	lines, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(lines), o.Token) {
		t.Errorf("the file tells the token: %v", err)
	}
	for _, secret := range []string{wholeKey, o.Token, strings.TrimPrefix(v.Cookie, "keyseat_console="), v.FormToken()} {
		if strings.Contains(log, secret) {
			t.Error("the log tells what it must not")
		}
	}
}
