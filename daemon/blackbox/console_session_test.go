package blackbox_test

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
)

// A visitor speaks to a console without a browser, as one with that cookie.
type visitor struct {
	*operator
	cookie string
}

// visits signs in and gives what the cookie is like.
func (o *operator) visits(token string, headers ...string) (visitor, answer) {
	o.Helper()
	a := visitor{o, ""}.send("POST", "/console/signin", "token="+url.QueryEscape(token), headers...)
	cookie, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
	return visitor{o, cookie}, a
}

// send sends a request, and holds the answer to what all of them are like.
func (v visitor) send(method, path, form string, headers ...string) answer {
	v.Helper()
	h := header(append([]string{"Cookie", v.cookie}, headers...)...)
	if form != "" {
		h.Set("Content-Type", formType)
	}
	a, err := v.try(method, v.admin+path, form, h)
	if err != nil {
		v.Fatal(err)
	}
	policy := a.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, want) {
			v.Errorf("%s %s: the policy %q lacks %s", method, path, policy, want)
		}
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Frame-Options") != "DENY" || a.header.Get("Referrer-Policy") != "same-origin" {
		v.Errorf("%s %s: %v", method, path, a.header)
	}
	return a
}

// status sends a request that must be answered so.
func (v visitor) status(want int, method, path, form string, headers ...string) answer {
	v.Helper()
	a := v.send(method, path, form, headers...)
	if a.code != want {
		v.Errorf("%s %s: %d, want %d", method, path, a.code, want)
	}
	return a
}

var formToken = regexp.MustCompile(`name="form" value="(\w{20,})"`)

// form is what every form of the session has.
func (v visitor) form() string {
	v.Helper()
	found := formToken.FindStringSubmatch(v.status(200, "GET", "/", "").body)
	if found == nil {
		v.Fatal("no form has anything that nobody else knows")
	}
	return found[1]
}

// TestAReaderAtTheConsole holds that who may only read is offered nothing more, and gets nothing more.
func TestAReaderAtTheConsole(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	k := s.consoled("read")
	s.fresh("A")
	s.importPlans("p,US,5,1 Street,")
	k.sees("read only")
	k.at(keyAt("A"))
	k.sees("It has not been used")
	if k.offers("Revoke") || k.offers("Reset") {
		t.Error("a reader is offered to change a key")
	}
	k.at("/console/key/revoke?code=A")
	k.sees("Your token can only read.")
	k.at("/console/plans")
	if k.offers("Retire") {
		t.Error("a reader is offered to retire a plan")
	}
	v, _ := k.o.visits(k.token)
	form := "form=" + v.form()
	for path, what := range map[string]string{
		"/console/key/revoke": "&code=A", "/console/key/reset": "&code=A", "/console/plan/retire": "&id=p",
		"/console/issue": "&step=issue&id=x&count=1&order_id=o",
	} {
		a := v.status(403, "POST", path, form+what)
		if !strings.Contains(a.body, "this needs a token with the role write") && !strings.Contains(a.body, "can only read") {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	if s.plans()["p"].State != "live" || strings.Count(s.must("keys", "export"), "\n") != 2 || s.history("A").Event != "imported" {
		t.Error("a reader has changed something")
	}
}

// TestSessionsOfTheConsole holds who gets one, what it is good for, and when it ends.
func TestSessionsOfTheConsole(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	s.fresh("A")
	o, file := s.administered()
	token := s.token(file, "ann", "write")
	v, a := o.visits(token)
	cookie := a.header.Get("Set-Cookie")
	if a.code != 303 || a.header.Get("Location") != "/" || !strings.Contains(cookie, "; HttpOnly; SameSite=Strict") || strings.Contains(cookie, "Secure") {
		t.Errorf("%d %s", a.code, cookie)
	}
	if _, a := o.visits(token, "X-Forwarded-Proto", "https"); !strings.Contains(a.header.Get("Set-Cookie"), "; Secure; SameSite=Strict") && !strings.Contains(a.header.Get("Set-Cookie"), "; HttpOnly; Secure") {
		t.Errorf("behind TLS: %s", a.header.Get("Set-Cookie"))
	}
	if page := v.status(200, "GET", "/", "").body; strings.Contains(page, token) {
		t.Error("the token is on the page")
	}
	revoke := "code=A&form=" + v.form()
	v.status(403, "POST", "/console/key/revoke", "code=A")
	v.status(403, "POST", "/console/key/revoke", "code=A&form=")
	v.status(403, "POST", "/console/key/revoke?form="+v.form(), "code=A")
	other, _ := o.visits(token)
	v.status(403, "POST", "/console/key/revoke", "code=A&form="+other.form())
	v.status(403, "POST", "/console/key/revoke", revoke, "Origin", "https://evil.example")
	v.status(403, "POST", "/console/key/revoke", revoke, "Sec-Fetch-Site", "cross-site")
	v.status(403, "POST", "/console/key/revoke", revoke, "Sec-Fetch-Site", "same-site")
	v.status(403, "POST", "/console/signin", "token="+token, "Sec-Fetch-Site", "cross-site")
	visitor{o, ""}.status(303, "POST", "/console/key/revoke", revoke)
	visitor{o, "keyseat_console=x"}.status(303, "POST", "/console/key/revoke", revoke)
	v.status(403, "POST", "/console/signout", "")
	if s.history("A").Event != "imported" {
		t.Error("a key was revoked")
	}
	v.status(303, "POST", "/console/key/revoke", revoke, "Sec-Fetch-Site", "same-origin")
	if s.history("A").Event != "revoked" {
		t.Error("a key was not revoked")
	}
	v.status(303, "POST", "/console/signout", "form="+v.form())
	v.status(303, "GET", "/", "") // whatever the browser still says
	other.status(200, "GET", "/console/keys", "")
	lines, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, regexp.MustCompile("(?m)^ann .*$").ReplaceAll(lines, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if a := other.status(303, "GET", "/console/keys", ""); a.header.Get("Location") != "/console/signin" {
		t.Errorf("went to %s", a.header.Get("Location"))
	}
	if err := os.WriteFile(file, lines, 0o600); err != nil {
		t.Fatal(err)
	}
	other.status(303, "GET", "/console/keys", "") // it does not come back with the line
	o.guesses()
}

// guesses shows wrong tokens until no more are taken, not even a right one.
func (o *operator) guesses() {
	o.Helper()
	for range 10 {
		if _, a := o.visits("keyseat_admin_wrong"); a.code != 403 || a.header.Get("Set-Cookie") != "" || !strings.Contains(a.body, "Nobody has this token.") {
			o.Errorf("%d %s", a.code, a.body)
		}
	}
	if _, a := o.visits(o.token); a.code != 429 || a.header.Get("Retry-After") == "" {
		o.Errorf("%d %v", a.code, a.header)
	}
}

// TestNothingElseMoves holds that the console is where a file of tokens is and nowhere else, and that
// its neighbours answer as they do without it.
func TestNothingElseMoves(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	paths := []string{"GET /healthz", "POST /healthz", "GET /nothing", "GET /admin", "POST /metrics", "GET /console", "GET /", "GET /console/signin"}
	d := s.serve()
	without := map[string]answer{}
	for _, path := range paths {
		method, target, _ := strings.Cut(path, " ")
		without[path], _ = d.try(method, d.admin+target, "", nil)
	}
	d.stop()
	o, _ := s.administered()
	for _, path := range paths[:5] {
		method, target, _ := strings.Cut(path, " ")
		if a, err := o.try(method, o.admin+target, "", nil); err != nil || a.code != without[path].code || a.body != without[path].body {
			t.Errorf("%s: %d %s, without a console %d %s", path, a.code, a.body, without[path].code, without[path].body)
		}
	}
	for _, path := range paths[6:] {
		if without[path].code != 404 {
			t.Errorf("%s without a console: %d", path, without[path].code)
		}
	}
	if a, err := o.try("GET", o.url+"/console/signin", "", nil); err != nil || a.code != 404 {
		t.Errorf("on the public listener: %d %v", a.code, err)
	}
	if a, err := o.try("GET", o.admin+"/console/assets/uPlot.LICENSE.txt", "", nil); err != nil || !strings.Contains(a.body, "Leon Sorokin") {
		t.Errorf("the licence of the charts: %d %v", a.code, err)
	}
	visitor{o, ""}.status(404, "GET", "/console/a/b/c", "")
	visitor{o, ""}.status(404, "PUT", "/console/signin", "")
}

// TestTheConsoleTellsNoSecret looks for secrets on every page, and for whole keys in the log.
func TestTheConsoleTellsNoSecret(t *testing.T) {
	t.Parallel()
	c := newCanary(onSQLite(t))
	o, file := c.administered("--task-attempts", "1")
	v, _ := o.visits(o.token)
	c.importPlans("p,US,9,1 Street,")
	c.fresh(wholeKey, "K1", "K2")
	for code, script := range map[string]string{wholeKey: "202", "K1": "500_after", "K2": "success"} {
		o.post(c.form("upgrade", code, script))
	}
	o.ends("K1")
	o.ends("K2")
	pages := []string{"/", "/console/keys", "/console/plans", "/console/tasks", "/console/tasks?state=open", "/console/issue", "/console/keys?q=" + wholeKey}
	for _, code := range []string{wholeKey, "K1", "K2"} {
		pages = append(pages, keyAt(code), "/console/key/revoke?code="+code)
	}
	for _, t := range c.tasks() {
		pages = append(pages, taskAt(t.ID), "/console/task/resolve?id="+t.ID)
	}
	for _, path := range pages {
		a := v.send("GET", path, "")
		if a.code != 200 && a.code != 303 {
			t.Errorf("%s: %d", path, a.code)
		}
		c.clean(path, fmt.Sprint(a.header, a.body))
		if strings.Contains(a.body, o.token) || strings.Contains(a.body, v.cookie) {
			t.Errorf("%s tells the token or the session", path)
		}
	}
	v.status(303, "POST", "/console/key/revoke", "code="+wholeKey+"&form="+v.form())
	o.until("the audit log tells who has revoked a key", func() bool {
		log := o.log.String()
		return strings.Contains(log, `"action":"POST /admin/v1/keys/{code}/revoke"`) && strings.Contains(log, `"token":"webshop"`)
	})
	log := o.log.String()
	c.clean("the log", log)
	lines, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(lines), o.token) {
		t.Errorf("the file tells the token: %v", err)
	}
	for _, secret := range []string{wholeKey, o.token, strings.TrimPrefix(v.cookie, "keyseat_console="), v.form()} {
		if strings.Contains(log, secret) {
			t.Error("the log tells what it must not")
		}
	}
}
