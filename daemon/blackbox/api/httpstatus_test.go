package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// expect200 sends a request as a client that accepts only the status 200. For another status, PHP's file_get_contents
// returns no body.
func expect200(d *harness.Daemon, c request, want string) harness.Response {
	d.Helper()
	a := d.Do(c.method, c.target, c.body, c.header)
	if a.Code != http.StatusOK {
		d.Errorf("%s: %d %s", c, a.Code, a.Body)
	} else if c.method != http.MethodHead && !strings.Contains(a.Body, want) {
		d.Errorf("%s: %s, not %s", c, a.Body, want)
	}
	return a
}

// TestDocumentedStatusIs200 checks that with --http-status documented every answer of the API has the status 200. The
// page keeps its own statuses.
func TestDocumentedStatusIs200(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.ImportKeys("code,used", "K,", "L,", "M,1")
		s.ImportPlans("p,US,5,,")
		s.Env = append(s.Env, "KEYSEAT_HTTP_STATUS=documented")
		d := s.Serve("--key-task-limit", "1", "--unknown-key-limit", "2", "--trusted-proxies", "127.0.0.1", "--drain", "1m")
		const long, faulty = 17 << 10, `{"status":"error","message":"`
		for _, c := range []request{
			{"GET", "/API/", "", nil, 400},
			{"GET", "/API?info=K&stock", "", nil, 400},
			{"POST", "/API/", "info=%zz", harness.FormHeader, 400},
			{"GET", "/API/?" + harness.Upgrade("K", "l", "US"), "", harness.Headers("Purpose", "prefetch"), 400},
			{"GET", "/API/info", "", nil, 404},
			{"OPTIONS", "/API/?stock", "", harness.Headers("Origin", "https://shop.example", "Access-Control-Request-Method", "POST"), 405},
			{"HEAD", "/API/?upgrade=K", "", nil, 405},
			{"POST", "/API/", "info=" + strings.Repeat("x", long), harness.FormHeader, 413},
			{"GET", "/API/?info=" + strings.Repeat("x", long), "", nil, 414},
			{"POST", "/API/", "{}", harness.JSONHeader, 415},
			{"GET", "/API/?stock", "", harness.Headers("X-Long", strings.Repeat("x", long)), 431},
			{"POST", "/API/", "stock", harness.Headers("Expect", "more", "Content-Type", harness.FormType), 417},
		} {
			a := expect200(d, c, faulty)
			if c.code == 405 && a.Header.Get("Allow") == "" {
				s.Errorf("%s: no Allow", c)
			}
			for name := range a.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					s.Errorf("%s: %s", c, name)
				}
			}
		}
		for _, request := range []string{
			"GET /API/?info=a b HTTP/1.1\r\nHost: x\r\n\r\n",
			"GET /API/?stock HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 1<<20) + "\r\n\r\n",
		} {
			if code := d.SendRaw(request); code != http.StatusOK {
				s.Errorf("%.40q: %d", request, code)
			}
		}
		if a := d.Do("GET", "/nowhere", "", nil); a.Code != http.StatusNotFound {
			s.Errorf("outside the API: %d", a.Code)
		}
		expectRetryAfter(d, request{"POST", "/API/", harness.Upgrade("K", "invalid_credentials@example.com", "US"), harness.FormHeader, 200}, harness.UpgradeSent, false)
		d.ExpectEnd("K", "failed_upgrade", harness.Messages["invalid_credentials"])
		expectRetryAfter(d, request{"POST", "/API/", harness.Upgrade("K", "l", "US"), harness.FormHeader, 429}, harness.TooMany, true)
		guesser := harness.Headers("X-Forwarded-For", "192.0.2.1", "Content-Type", harness.FormType)
		expectRetryAfter(d, request{"GET", "/API/?info=none-1", "", guesser, 200}, harness.NotExist, false)
		expectRetryAfter(d, request{"POST", "/API/", "info=none-2", guesser, 200}, harness.NotExist, false)
		expectRetryAfter(d, request{"GET", "/API/?info=none-3", "", guesser, 429}, harness.TooMany, true)
		if a, err := d.Send("POST", d.URL+"/", harness.Query("do", "info", "key", "none-4"), guesser); err != nil || a.Code != 429 || !strings.Contains(a.Body, `data-state="limited"`) {
			s.Errorf("the page: %d %v", a.Code, err)
		}
		if a, err := d.Send("GET", d.AdminURL+"/metrics", "", nil); err != nil || !strings.Contains(a.Body, `code="429"`) {
			s.Errorf("the metrics do not show the real status: %v", err)
		}
		checkDrain(d)
	})
}

// expectRetryAfter checks whether a response has a Retry-After.
func expectRetryAfter(d *harness.Daemon, c request, want string, has bool) {
	d.Helper()
	if a := expect200(d, c, want); a.Header.Get("Retry-After") != "" != has {
		d.Errorf("%s: Retry-After is %q", c, a.Header.Get("Retry-After"))
	}
}

// checkDrain stops the daemon, and calls it while it waits for a slow provider.
func checkDrain(d *harness.Daemon) {
	d.Helper()
	before := len(d.Provider.Requests())
	d.MustAccept(harness.Renew("M", "slow=50000+success@example.com"))
	d.Eventually("the provider is called", func() bool { return len(d.Provider.Requests()) > before })
	d.Signal(harness.Terminate)
	d.Eventually("the daemon drains", func() bool { return d.ReadyStatus() == http.StatusServiceUnavailable })
	expectRetryAfter(d, request{"GET", "/API/?stock", "", nil, 503}, harness.Messages["system_error"], true)
	expectRetryAfter(d, request{"POST", "/API", harness.Upgrade("L", "l", "US"), harness.FormHeader, 503}, harness.Messages["system_error"], true)
	d.Kill()
}
