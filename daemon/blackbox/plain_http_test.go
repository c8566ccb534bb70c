package blackbox_test

import (
	"net/http"
	"strings"
	"testing"
)

// overLAN is a daemon's address as a machine of its network has it.
func overLAN(url string) string { return strings.Replace(url, "127.0.0.1", LANHost, 1) }

// TestConsoleOverPlainHTTP holds that an operator on a private network can sign in without TLS, and do
// something: browsers send other headers there than on 127.0.0.1.
func TestConsoleOverPlainHTTP(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	s.AddKeys("fresh")
	o, file := s.ServeAdmin()
	o.AdminURL = overLAN(o.AdminURL)
	k := &consoleUser{OpenTab(t), o, file, s.AddToken(file, "ann", "write")}
	k.AddSecrets(k.token)
	k.AllowError("The Cross-Origin-Opener-Policy header has been ignored") // it works in secure contexts alone
	k.signIn(k.token)
	k.WaitText("Overview")
	if Eval[bool](k.Tab, "isSecureContext") {
		t.Fatal("the browser takes " + LANHost + " for secure")
	}
	k.act(KeyPath("fresh"), "Revoke", "Revoke this key?", "The key is revoked.")
	k.expectEvent("fresh", "revoked")
	k.pressIn("header", "Sign out")
	k.WaitText("Show a token")
}

// TestPageOverPlainHTTP holds the same of a key holder at the page, with script and without.
func TestPageOverPlainHTTP(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	s.AddKeys("the-key")
	s.ImportPlans("p,US,5,1 Street,")
	d := s.Serve()
	d.URL = overLAN(d.URL)
	d.forEachPageUser(func(r pageUser) {
		if Eval[bool](r.Tab, "isSecureContext") {
			r.Fatal("the browser takes " + LANHost + " for secure")
		}
		r.submit("info", "the-key")
		r.expectAnswer("active")
	})
}

// TestConsoleOrigins holds whose forms are taken where a browser sends no fetch metadata.
func TestConsoleOrigins(t *testing.T) {
	t.Parallel()
	s := NewSQLiteShop(t)
	o, _ := s.ServeAdmin()
	own := strings.TrimPrefix(o.AdminURL, "http://")
	for origin, want := range map[string]int{"http://" + own: 303, "http://evil.example": 403, "null": 403, "http://" + LANHost: 403} {
		h := Headers("Origin", origin, "Content-Type", FormType)
		a, err := o.Send(http.MethodPost, o.AdminURL+"/console/signin", "token="+o.Token, h)
		if err != nil || a.Code != want {
			t.Errorf("%s: %d %v, want %d", origin, a.Code, err, want)
		}
	}
}
