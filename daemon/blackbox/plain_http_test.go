package blackbox_test

import (
	"net/http"
	"strings"
	"testing"
)

// overLAN is a daemon's address as a machine of its network has it.
func overLAN(url string) string { return strings.Replace(url, "127.0.0.1", lan, 1) }

// TestTheConsoleOverPlainHTTP holds that an operator on a private network can sign in without TLS, and do
// something: browsers send other headers there than on 127.0.0.1.
func TestTheConsoleOverPlainHTTP(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	s.fresh("fresh")
	o, file := s.administered()
	o.admin = overLAN(o.admin)
	k := &desk{openTab(t), o, file, s.token(file, "ann", "write")}
	k.secret(k.token)
	k.expectFault("The Cross-Origin-Opener-Policy header has been ignored") // it works in secure contexts alone
	k.signIn(k.token)
	k.sees("Overview")
	if eval[bool](k.tab, "isSecureContext") {
		t.Fatal("the browser takes " + lan + " for secure")
	}
	k.does(keyAt("fresh"), "Revoke", "Revoke this key?", "The key is revoked.")
	k.wrote("fresh", "revoked")
	k.pressIn("header", "Sign out")
	k.sees("Show a token")
}

// TestThePageOverPlainHTTP holds the same of a key holder at the page, with script and without.
func TestThePageOverPlainHTTP(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	s.fresh("the-key")
	s.importPlans("p,US,5,1 Street,")
	d := s.serve()
	d.url = overLAN(d.url)
	d.eachReader(func(r reader) {
		if eval[bool](r.tab, "isSecureContext") {
			r.Fatal("the browser takes " + lan + " for secure")
		}
		r.asks("info", "the-key")
		r.shows("active")
	})
}

// TestOriginsOfTheConsole holds whose forms are taken where a browser sends no fetch metadata.
func TestOriginsOfTheConsole(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	o, _ := s.administered()
	own := strings.TrimPrefix(o.admin, "http://")
	for origin, want := range map[string]int{"http://" + own: 303, "http://evil.example": 403, "null": 403, "http://" + lan: 403} {
		h := header("Origin", origin, "Content-Type", formType)
		a, err := o.try(http.MethodPost, o.admin+"/console/signin", "token="+o.token, h)
		if err != nil || a.code != want {
			t.Errorf("%s: %d %v, want %d", origin, a.code, err, want)
		}
	}
}
