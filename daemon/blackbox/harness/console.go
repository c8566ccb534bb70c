package harness

import (
	"net/url"
	"regexp"
	"strings"
)

// KeyPath returns the path of the page of a key.
func KeyPath(code string) string { return "/console/key?code=" + url.QueryEscape(code) }

// TaskPath returns the path of the page of a task.
func TaskPath(id string) string { return "/console/task?id=" + id }

// A Session uses the console without a browser, with a cookie.
type Session struct {
	*Operator
	Cookie string
}

// Session returns a session with that cookie.
func (o *Operator) Session(cookie string) Session { return Session{o, cookie} }

// SignIn signs in with a token, and returns the session and the response.
func (o *Operator) SignIn(token string, headers ...string) (Session, Response) {
	o.Helper()
	a := Session{o, ""}.Request("POST", "/console/signin", "token="+url.QueryEscape(token), headers...)
	cookie, _, _ := strings.Cut(a.Header.Get("Set-Cookie"), ";")
	return Session{o, cookie}, a
}

// Request sends a request, and checks the headers that every response of the console must have.
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

// ExpectStatus sends a request, and checks the status of the response.
func (v Session) ExpectStatus(want int, method, path, form string, headers ...string) Response {
	v.Helper()
	a := v.Request(method, path, form, headers...)
	if a.Code != want {
		v.Errorf("%s %s: %d, want %d", method, path, a.Code, want)
	}
	return a
}

var formToken = regexp.MustCompile(`name="form" value="(\w{20,})"`)

// FormToken returns the secret value that every form of the session contains.
func (v Session) FormToken() string {
	v.Helper()
	found := formToken.FindStringSubmatch(v.ExpectStatus(200, "GET", "/", "").Body)
	if found == nil {
		v.Fatal("no form has a secret value")
	}
	return found[1]
}
