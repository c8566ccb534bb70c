// Package api_test tests the interfaces for holders, shops and the provider. They are the public API, the Go clients,
// the page for key holders, and the requests to the provider.
package api_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// errorBody matches the body of an error with a message.
var errorBody = regexp.MustCompile(`^\{"status":"error","message":"[^"]{10,}"\}$`)

// A request is a call of the API with its expected status.
type request struct {
	method, target, body string
	header               http.Header
	code                 int
}

func (c request) String() string {
	text := fmt.Sprintf("%s %s %v %q", c.method, c.target, c.header, c.body)
	return text[:min(len(text), 120)]
}

// expectStatuses sends requests, and checks the statuses and the bodies of errors.
func expectStatuses(d *harness.Daemon, calls []request) {
	d.Helper()
	for _, c := range calls {
		a := d.Do(c.method, c.target, c.body, c.header)
		if a.Code != c.code || (c.code != http.StatusOK && c.method != http.MethodHead && !errorBody.MatchString(a.Body)) {
			d.Errorf("%s: %d %s, not %d", c, a.Code, a.Body, c.code)
		}
	}
}

func TestPathsServed(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		d := s.Serve("--page=off")
		var calls []request
		for _, path := range []string{"/", "/api/", "/API/x", "/API/info", "/API//", "/healthz", "/readyz", "/metrics", "/index.html"} {
			calls = append(calls, request{"GET", path + "?stock", "", nil, 404}, request{"POST", path, "stock", harness.FormHeader, 404})
		}
		calls = append(calls,
			request{"GET", "/API?stock", "", nil, 200},
			request{"GET", "/API?info=x", "", nil, 200},
			request{"POST", "/API", "info=x", harness.FormHeader, 200},
			request{"POST", "/API/?info=x", "", nil, 200},
			request{"POST", "/API/?info=x", "", harness.JSONHeader, 200}, // without a body, its type does not matter
			request{"HEAD", "/API/?info=x", "", nil, 200},
			request{"HEAD", "/API?stock", "", nil, 200},
			request{"POST", "/API/", "info=x", harness.JSONHeader, 415},
			request{"POST", "/API/?info=x", "{}", harness.JSONHeader, 415},
			request{"POST", "/API/", "info=x", nil, 415},
			request{"POST", "/API/", "info=x", harness.Headers("Content-Type", "multipart/form-data; boundary=x"), 415},
			request{"POST", "/API/", "info=x", harness.Headers("Content-Type", "Application/X-WWW-Form-Urlencoded ; charset=utf-8"), 200},
		)
		expectStatuses(d, calls)
		for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/metrics": "keyseat_"} {
			a, err := d.Send("GET", d.AdminURL+path, "", nil)
			if err != nil || a.Code != 200 || !strings.Contains(a.Body, want) {
				s.Errorf("%s of the admin listener: %d %v", path, a.Code, err)
			}
		}
		if a, err := d.Send("GET", d.AdminURL+"/API/?stock", "", nil); err != nil || a.Code != 404 {
			s.Errorf("the API on the admin listener: %d %v", a.Code, err)
		}
	})
}

func TestMethodsAllowed(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.AddKeys("K")
		d := s.Serve()
		for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"} {
			for query, allow := range map[string]string{
				"info=K": "GET, HEAD, POST", "stock": "GET, HEAD, POST", "": "GET, HEAD, POST", "%zz": "GET, HEAD, POST",
				"upgrade=K": "GET, POST", "renew=K&info=K": "GET, POST",
			} {
				expectNotAllowed(d, request{method, "/API/?" + query, "", harness.JSONHeader, 405}, allow)
			}
		}
		for _, query := range []string{harness.Upgrade("K", "l", "US"), harness.Renew("K", "l"), "upgrade=K&%zz", "renew"} {
			expectNotAllowed(d, request{"HEAD", "/API/?" + query, "", nil, 405}, "GET, POST")
		}
		if k := d.Info("K"); k.Status != "active" {
			s.Errorf("the key is %s", k.Body)
		}
		a, b := d.Get("info=K"), d.Do("HEAD", "/API/?info=K", "", nil)
		if b.Body != "" || b.Header.Get("Content-Length") != fmt.Sprint(len(a.Body)) {
			s.Errorf("HEAD has the length %s, GET %d", b.Header.Get("Content-Length"), len(a.Body))
		}
	})
}

func expectNotAllowed(d *harness.Daemon, c request, allow string) {
	d.Helper()
	expectStatuses(d, []request{c})
	if got := d.Do(c.method, c.target, c.body, c.header).Header.Get("Allow"); got != allow {
		d.Errorf("%s: Allow is %q, not %q", c, got, allow)
	}
}

func TestMalformedRequestsAreRefused(t *testing.T) {
	queries := []string{
		"", "utm=x", "Info=x", "login=x&pwd=y", // no call
		"info=x&stock", "upgrade=x&renew=x", "info&renew", "stock&info=x&upgrade=y", // several calls
		"info=x&info=y", "upgrade=x&login=a&login=b", "stock=1&stock=2", "info=x&info", "stock&pwd=a&pwd=b", // repeated parameters
		"info=%zz", "info=x&a=%", "info=x;stock", "stock;", // not parsable
		"info=%ff", "stock&login=%c3%28", "stock&%ff=x", "stock&a=%ed%a0%80", // not UTF-8
	}
	var calls []request
	for _, query := range queries {
		calls = append(calls, request{"GET", "/API/?" + query, "", nil, 400}, request{"POST", "/API/", query, harness.FormHeader, 400})
	}
	for _, query := range []string{"info=x&info=x", "info=%20x&utm=1&utm=2", "stock&a;=1"} {
		code := 200
		if strings.Contains(query, ";") {
			code = 400
		}
		calls = append(calls, request{"GET", "/API/?" + query, "", nil, code}, request{"POST", "/API/", query, harness.FormHeader, code})
	}
	calls = append(calls,
		request{"POST", "/API/?info=x", "info=x", harness.FormHeader, 400},
		request{"POST", "/API/?info=x", "stock", harness.FormHeader, 400},
		request{"POST", "/API/?upgrade=x&login=l", "login=l", harness.FormHeader, 400},
		request{"POST", "/API/?info=x", "utm=1", harness.FormHeader, 200},
		request{"POST", "/API/?%zz", "stock", harness.FormHeader, 400},
	)
	harness.ForEachDatabase(t, func(s *harness.Shop) { expectStatuses(s.Serve(), calls) })
}

func TestPrefetchChangesNothing(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.ImportKeys("code,used", "K,", "L,1")
		s.ImportPlans("p,US,5,,")
		d := s.Serve()
		var calls []request
		for _, h := range []http.Header{
			harness.Headers("Sec-Purpose", "prefetch"), harness.Headers("Sec-Purpose", "prefetch;prerender"), harness.Headers("Purpose", "prefetch"),
			harness.Headers("Purpose", "Prefetch", "Content-Type", harness.FormType),
		} {
			calls = append(calls,
				request{"GET", "/API/?" + harness.Upgrade("K", "l", "US"), "", h, 400},
				request{"GET", "/API/?" + harness.Renew("L", "l"), "", h, 400},
				request{"POST", "/API/?" + harness.Upgrade("K", "l", "US"), "", h, 400},
				request{"GET", "/API/?info=K", "", h, 200},
				request{"GET", "/API/?stock", "", h, 200},
			)
		}
		expectStatuses(d, calls)
		for _, code := range []string{"K", "L"} {
			if k := d.Info(code); k.Status != "active" {
				s.Errorf("a prefetch changed %s", k.Body)
			}
		}
	})
}

func TestSizeLimits(t *testing.T) {
	const limit = 16 << 10
	fill := func(start string, to int) string { return start + strings.Repeat("x", to-len(start)) }
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		d := s.Serve()
		expectStatuses(d, []request{
			{"POST", "/API/", fill("stock&utm=", limit), harness.FormHeader, 200},
			{"POST", "/API/", fill("stock&utm=", limit+1), harness.FormHeader, 413},
			{"POST", "/API/", fill("stock&utm=", 1<<20), harness.FormHeader, 413},
			{"GET", fill("/API/?stock&utm=", limit), "", nil, 200},
			{"GET", fill("/API/?stock&utm=", limit+1), "", nil, 414},
			{"GET", "/API/?stock", "", harness.Headers("X-Long", strings.Repeat("x", limit-1000)), 200},
			{"GET", "/API/?stock", "", harness.Headers("X-Long", strings.Repeat("x", limit)), 431},
		})
		if code := d.SendRaw("GET /API/?stock HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 1<<20) + "\r\n\r\n"); code != 431 {
			s.Errorf("a megabyte of headers: %d", code)
		}
		if code := d.SendRaw("GET /API/?info=a b HTTP/1.1\r\nHost: x\r\n\r\n"); code != 400 {
			s.Errorf("an invalid request: %d", code)
		}
	})
}

// TestNoGetSecretsRequiresPOST checks that with the flag --no-get-secrets an upgrade or a renew needs POST, with the
// secrets in the body.
func TestNoGetSecretsRequiresPOST(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.ImportKeys("code,used", "K,", "L,1", "M,")
		s.ImportPlans("p,US,5,,")
		d := s.Serve("--no-get-secrets")
		expectNotAllowed(d, request{"GET", "/API/?" + harness.Upgrade("K", "l", "US"), "", nil, 405}, "POST")
		expectNotAllowed(d, request{"GET", "/API/?" + harness.Renew("L", "l"), "", nil, 405}, "POST")
		expectStatuses(d, []request{{"POST", "/API/?" + harness.Upgrade("K", "l", "US"), "", nil, 400}})
		d.Expect(d.Get("info=nobody"), 200, harness.NotExist)
		d.MustAccept(harness.Upgrade("K", harness.PendingLogin, "US"))
		d.MustAccept(harness.Renew("L", harness.PendingLogin))
	})
}

// TestResponseCheckFindsFaults checks that [harness.Response.Check] finds each fault of a response.
func TestResponseCheckFindsFaults(t *testing.T) {
	good := func() harness.Response {
		h := http.Header{}
		for name, value := range harness.CommonHeaders {
			h.Set(name, value)
		}
		return harness.Response{Code: 200, Body: `{"status":"a&b"}`, Header: h}
	}
	if err := good().Check("GET"); err != nil {
		t.Error(err)
	}
	for name := range harness.CommonHeaders {
		a := good()
		a.Header.Del(name)
		if a.Check("GET") == nil {
			t.Errorf("a response without %s passes", name)
		}
	}
	for _, body := range []string{"", "{}\n", "{", `{"status":"a` + `\u0026b"}`} {
		a := good()
		if a.Body = body; a.Check("GET") == nil {
			t.Errorf("%q passes", body)
		}
	}
	if (harness.Plan{Slots: 2, Free: 3, Held: -1}).Check() == nil || (harness.Plan{Slots: 2, Free: 1}).Check() == nil {
		t.Error("counts that do not add up pass")
	}
}
