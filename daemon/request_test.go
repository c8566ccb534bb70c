package daemon_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/keys"
)

const (
	notExist = `{"status":"not_exist","message":"This key was not found in our database"}`
	sent     = `{"status":"success","message":"Upgrade request sent successfully, your account will be Premium in a few minutes, you can check the status via the key info"}`
	fresh    = `{"status":"active","message":"","username":"","verify_address":"","used":0,"purchase_date":null,"used_date":null}`
)

func TestInvalidRequestsAreRejected(t *testing.T) {
	f := newFixture(t)
	f.importKeys(keys.Key{Code: "K"})
	long := strings.Repeat("x", 17<<10)
	for _, c := range []struct {
		method, target, body string
		code                 int
		allow                string
	}{
		{"GET", "/", "", 404, ""},
		{"GET", "/API/info?info=K", "", 404, ""},
		{"DELETE", "/nowhere", "", 404, ""},
		{"DELETE", "/API/?info=K", "", 405, "GET, HEAD, POST"},
		{"OPTIONS", "/API/?%zz", "", 405, "GET, HEAD, POST"},
		{"HEAD", "/API/?upgrade=K&%zz", "", 405, "GET, POST"},
		{"HEAD", "/API/?renew=K", "", 405, "GET, POST"},
		{"HEAD", "/API/?upgrade=%zz", "", 405, "GET, POST"},
		{"GET", "/API/?stock", "info=K", 415, ""},
		{"GET", "/API/?stock", long, 413, ""},
		{"GET", "/API/", "", 400, ""},
		{"GET", "/API/?Info=K", "", 400, ""},
		{"GET", "/API/?info=K&stock", "", 400, ""},
		{"GET", "/API/?info=K&info=L", "", 400, ""},
		{"GET", "/API/?info=K&login=a&login=b", "", 400, ""},
		{"GET", "/API/?info=%zz", "", 400, ""},
		{"GET", "/API/?info=K;stock", "", 400, ""},
		{"GET", "/API/?info=%ff", "", 400, ""},
		{"GET", "/API/?info=K&other=%ff", "", 400, ""},
		{"GET", "/API/?info=K&%ff=1", "", 400, ""},
		{"GET", "/API/?info=" + long, "", 414, ""},
		{"POST", "/API/?info=K", "info=K", 400, ""},
		{"POST", "/API/", "info=%zz", 400, ""},
		{"POST", "/API/", "info=" + long, 413, ""},
		{"POST", "/API/?stock", "a=" + long, 413, ""},
	} {
		r := f.send(c.method, c.target, c.body)
		if r.Code != c.code || r.Header().Get("Allow") != c.allow {
			t.Errorf("%s %.40s: %d %q, want %d %q", c.method, c.target, r.Code, r.Header().Get("Allow"), c.code, c.allow)
		}
		if got := r.Body.String(); !strings.HasPrefix(got, `{"status":"error","message":"`) || strings.Contains(got, "\n") {
			t.Errorf("%s %.40s: body %q", c.method, c.target, got)
		}
	}
}

func TestValidRequestsAreAnswered(t *testing.T) {
	f := newFixture(t)
	f.importKeys(keys.Key{Code: "K"}, keys.Key{Code: "A+B"})
	for _, c := range []struct{ method, target, body, want string }{
		{"GET", "/API/?info=K", "", fresh},
		{"GET", "/API?info=K", "", fresh},
		{"HEAD", "/API/?info=K", "", fresh}, // net/http removes the body of a response to HEAD
		{"POST", "/API/?info=K", "", fresh},
		{"POST", "/API/", "info=K", fresh},
		{"GET", "/API/?info=K&info=K", "", fresh},
		{"GET", "/API/?info=K&utm=1&utm=2", "", fresh},
		{"GET", "/API/?info=%20K%09", "", fresh},
		{"GET", "/API/?info=A+B", "", fresh},
		{"GET", "/API/?info=A%2BB", "", fresh},
		{"GET", "/API/?info=", "", notExist},
		{"GET", "/API/?info", "", notExist},
		{"GET", "/API/?info=k", "", notExist},
		{"GET", "/API/?info=%00", "", notExist},
		{"GET", "/API/?info=" + strings.Repeat("x", 129), "", notExist},
		{"GET", "/API/?stock", "", "[]"},
		{"POST", "/API/?stock=", "", "[]"},
	} {
		r := f.send(c.method, c.target, c.body)
		if got := r.Body.String(); r.Code != 200 || got != c.want {
			t.Errorf("%s %s: %d %s", c.method, c.target, r.Code, got)
		}
	}
}

func TestResponsesHaveSecurityHeaders(t *testing.T) {
	f := newFixture(t)
	for _, target := range []string{"/API/?info=K", "/API/?stock", "/API/", "/nowhere"} {
		h := f.send("GET", target, "").Header()
		for name, want := range map[string]string{
			"Content-Type":           "application/json; charset=utf-8",
			"Cache-Control":          "no-store",
			"Referrer-Policy":        "no-referrer",
			"X-Content-Type-Options": "nosniff",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", target, name, h.Get(name))
			}
		}
	}
}

func TestOnlyFormBodiesAreAccepted(t *testing.T) {
	f := newFixture(t)
	kind := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Content-Type", value) }
	}
	for _, c := range []struct {
		kind, body string
		code       int
	}{
		{"application/json", `{"info":"K"}`, 415},
		{"", "info=K", 415},
		{"text/plain", "", 200},
		{"application/x-www-form-urlencoded; charset=UTF-8", "", 200},
	} {
		if r := f.send("POST", "/API/?stock", c.body, kind(c.kind)); r.Code != c.code {
			t.Errorf("%q: %d", c.kind, r.Code)
		}
	}
	if r := f.send("POST", "/API/", "info=K", kind("application/x-www-form-urlencoded; charset=UTF-8")); r.Code != 200 {
		t.Errorf("a form with a character set: %d", r.Code)
	}
}

const upgradeK = "upgrade=K&login=a@example.com&pwd=p%26%3D&country=us"

func TestPrefetchChangesNothing(t *testing.T) {
	f := newFixture(t)
	f.importKeys(keys.Key{Code: "K"})
	for name, value := range map[string]string{"Sec-Purpose": "prefetch;prerender", "Purpose": "prefetch"} {
		r := f.send("GET", "/API/?"+upgradeK, "", func(r *http.Request) { r.Header.Set(name, value) })
		if r.Code != 400 {
			t.Errorf("%s: %d", name, r.Code)
		}
	}
	if got := f.send("GET", "/API/?info=K", "", func(r *http.Request) { r.Header.Set("Purpose", "prefetch") }).Body.String(); got != fresh {
		t.Errorf("info: %s", got)
	}
}

func TestPostOnlyKeepsSecretsOutOfURLs(t *testing.T) {
	f := newFixture(t)
	f.importKeys(keys.Key{Code: "K"})
	f.addPlan("p", "US", 1)
	f.api.PostOnly = true
	for _, c := range []struct {
		method, target, body string
		code                 int
		allow                string
	}{
		{"GET", "/API/?" + upgradeK, "", 405, "POST"},
		{"HEAD", "/API/?upgrade=K", "", 405, "POST"},
		{"POST", "/API/?" + upgradeK, "", 400, ""},
		{"POST", "/API/?newpwd=x", "renew=K&login=a@example.com&pwd=long+enough+1", 400, ""},
		{"GET", "/API/?info=K", "", 200, ""},
		{"POST", "/API/?upgrade=K", "login=a@example.com&pwd=p&country=us", 200, ""},
	} {
		r := f.send(c.method, c.target, c.body)
		if r.Code != c.code || r.Header().Get("Allow") != c.allow {
			t.Errorf("%s %s: %d %q", c.method, c.target, r.Code, r.Header().Get("Allow"))
		}
	}
}

func TestLargeHeadersAreRejected(t *testing.T) {
	f := newFixture(t)
	r := f.send("GET", "/API/?stock", "", func(r *http.Request) { r.Header.Set("X-Long", strings.Repeat("x", 17<<10)) })
	if r.Code != 431 {
		t.Errorf("got %d", r.Code)
	}
}
