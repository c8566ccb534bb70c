package blackbox_test

import (
	"net/http"
	"strings"
	"testing"
)

// expect200 sends a call as a client that knows no HTTP status but 200: any other leaves it without a
// body, as PHP's file_get_contents does.
func (d *Daemon) expect200(c Request, want string) Response {
	d.Helper()
	a := d.Do(c.Method, c.Target, c.Body, c.Header)
	if a.Code != http.StatusOK {
		d.Errorf("%s: %d %s", c, a.Code, a.Body)
	} else if c.Method != http.MethodHead && !strings.Contains(a.Body, want) {
		d.Errorf("%s: %s, not %s", c, a.Body, want)
	}
	return a
}

// TestDocumentedStatusIs200 has every kind of answer that is not in the documentation, with a client of the
// documentation. The page keeps its own statuses.
func TestDocumentedStatusIs200(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.ImportKeys("code,used", "K,", "L,", "M,1")
		s.ImportPlans("p,US,5,,")
		s.Env = append(s.Env, "KEYSEAT_HTTP_STATUS=documented")
		d := s.Serve("--key-task-limit", "1", "--unknown-key-limit", "2", "--trusted-proxies", "127.0.0.1", "--drain", "1m")
		const long, faulty = 17 << 10, `{"status":"error","message":"`
		for _, c := range []Request{
			{"GET", "/API/", "", nil, 400},
			{"GET", "/API?info=K&stock", "", nil, 400},
			{"POST", "/API/", "info=%zz", FormHeader, 400},
			{"GET", "/API/?" + Upgrade("K", "l", "US"), "", Headers("Purpose", "prefetch"), 400},
			{"GET", "/API/info", "", nil, 404},
			{"OPTIONS", "/API/?stock", "", Headers("Origin", "https://shop.example", "Access-Control-Request-Method", "POST"), 405},
			{"HEAD", "/API/?upgrade=K", "", nil, 405},
			{"POST", "/API/", "info=" + strings.Repeat("x", long), FormHeader, 413},
			{"GET", "/API/?info=" + strings.Repeat("x", long), "", nil, 414},
			{"POST", "/API/", "{}", JSONHeader, 415},
			{"GET", "/API/?stock", "", Headers("X-Long", strings.Repeat("x", long)), 431},
			{"POST", "/API/", "stock", Headers("Expect", "more", "Content-Type", FormType), 417},
		} {
			a := d.expect200(c, faulty)
			if c.Code == 405 && a.Header.Get("Allow") == "" {
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
		d.expectRetryAfter(Request{"POST", "/API/", Upgrade("K", "invalid_credentials@example.com", "US"), FormHeader, 200}, UpgradeSent, false)
		d.ExpectEnd("K", "failed_upgrade", Messages["invalid_credentials"])
		d.expectRetryAfter(Request{"POST", "/API/", Upgrade("K", "l", "US"), FormHeader, 429}, TooMany, true)
		guesser := Headers("X-Forwarded-For", "192.0.2.1", "Content-Type", FormType)
		d.expectRetryAfter(Request{"GET", "/API/?info=none-1", "", guesser, 200}, NotExist, false)
		d.expectRetryAfter(Request{"POST", "/API/", "info=none-2", guesser, 200}, NotExist, false)
		d.expectRetryAfter(Request{"GET", "/API/?info=none-3", "", guesser, 429}, TooMany, true)
		if a, err := d.Send("POST", d.URL+"/", Query("do", "info", "key", "none-4"), guesser); err != nil || a.Code != 429 || !strings.Contains(a.Body, `data-state="limited"`) {
			s.Errorf("the page: %d %v", a.Code, err)
		}
		if a, err := d.Send("GET", d.AdminURL+"/metrics", "", nil); err != nil || !strings.Contains(a.Body, `code="429"`) {
			s.Errorf("the metrics do not show the real status: %v", err)
		}
		d.checkDrain()
	})
}

// expectRetryAfter holds that an answer says when to come back, or does not.
func (d *Daemon) expectRetryAfter(c Request, want string, says bool) {
	d.Helper()
	if a := d.expect200(c, want); a.Header.Get("Retry-After") != "" != says {
		d.Errorf("%s: Retry-After is %q", c, a.Header.Get("Retry-After"))
	}
}

// checkDrain stops the daemon, which waits for a slow provider, and calls it meanwhile.
func (d *Daemon) checkDrain() {
	d.Helper()
	before := len(d.Provider.Requests())
	d.MustAccept(Renew("M", "slow=50000+success@example.com"))
	d.Eventually("the provider is asked", func() bool { return len(d.Provider.Requests()) > before })
	d.Signal(Terminate)
	d.Eventually("the daemon drains", func() bool { return d.ReadyStatus() == http.StatusServiceUnavailable })
	d.expectRetryAfter(Request{"GET", "/API/?stock", "", nil, 503}, Messages["system_error"], true)
	d.expectRetryAfter(Request{"POST", "/API", Upgrade("L", "l", "US"), FormHeader, 503}, Messages["system_error"], true)
	d.Kill()
}
