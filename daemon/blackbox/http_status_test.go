package blackbox_test

import (
	"net/http"
	"strings"
	"testing"
)

// understands sends a call as a client that knows no HTTP status but 200: any other leaves it without a
// body, as PHP's file_get_contents does.
func (d *daemon) understands(c call, want string) answer {
	d.Helper()
	a := d.ask(c.method, c.target, c.body, c.header)
	if a.code != http.StatusOK {
		d.Errorf("%s: %d %s", c, a.code, a.body)
	} else if c.method != http.MethodHead && !strings.Contains(a.body, want) {
		d.Errorf("%s: %s, not %s", c, a.body, want)
	}
	return a
}

// TestDocumentedStatus has every kind of answer that is not in the documentation, with a client of the
// documentation. The page keeps its own statuses.
func TestDocumentedStatus(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.importKeys("code,used", "K,", "L,", "M,1")
		s.importPlans("p,US,5,,")
		s.env = append(s.env, "KEYSEAT_HTTP_STATUS=documented")
		d := s.serve("--key-task-limit", "1", "--unknown-key-limit", "2", "--trusted-proxies", "127.0.0.1", "--drain", "1m")
		const long, faulty = 17 << 10, `{"status":"error","message":"`
		for _, c := range []call{
			{"GET", "/API/", "", nil, 400},
			{"GET", "/API?info=K&stock", "", nil, 400},
			{"POST", "/API/", "info=%zz", asForm, 400},
			{"GET", "/API/?" + upgrade("K", "l", "US"), "", header("Purpose", "prefetch"), 400},
			{"GET", "/API/info", "", nil, 404},
			{"OPTIONS", "/API/?stock", "", header("Origin", "https://shop.example", "Access-Control-Request-Method", "POST"), 405},
			{"HEAD", "/API/?upgrade=K", "", nil, 405},
			{"POST", "/API/", "info=" + strings.Repeat("x", long), asForm, 413},
			{"GET", "/API/?info=" + strings.Repeat("x", long), "", nil, 414},
			{"POST", "/API/", "{}", asJSON, 415},
			{"GET", "/API/?stock", "", header("X-Long", strings.Repeat("x", long)), 431},
			{"POST", "/API/", "stock", header("Expect", "more", "Content-Type", formType), 417},
		} {
			a := d.understands(c, faulty)
			if c.code == 405 && a.header.Get("Allow") == "" {
				s.Errorf("%s: no Allow", c)
			}
			for name := range a.header {
				if strings.HasPrefix(name, "Access-Control-") {
					s.Errorf("%s: %s", c, name)
				}
			}
		}
		for _, request := range []string{
			"GET /API/?info=a b HTTP/1.1\r\nHost: x\r\n\r\n",
			"GET /API/?stock HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 1<<20) + "\r\n\r\n",
		} {
			if code := d.raw(request); code != http.StatusOK {
				s.Errorf("%.40q: %d", request, code)
			}
		}
		if a := d.ask("GET", "/nowhere", "", nil); a.code != http.StatusNotFound {
			s.Errorf("outside the API: %d", a.code)
		}
		d.later(call{"POST", "/API/", upgrade("K", "invalid_credentials@example.com", "US"), asForm, 200}, upgradeSent, false)
		d.endsAs("K", "failed_upgrade", messages["invalid_credentials"])
		d.later(call{"POST", "/API/", upgrade("K", "l", "US"), asForm, 429}, tooMany, true)
		guesser := header("X-Forwarded-For", "192.0.2.1", "Content-Type", formType)
		d.later(call{"GET", "/API/?info=none-1", "", guesser, 200}, notExist, false)
		d.later(call{"POST", "/API/", "info=none-2", guesser, 200}, notExist, false)
		d.later(call{"GET", "/API/?info=none-3", "", guesser, 429}, tooMany, true)
		if a, err := d.try("POST", d.url+"/", q("do", "info", "key", "none-4"), guesser); err != nil || a.code != 429 || !strings.Contains(a.body, `data-state="limited"`) {
			s.Errorf("the page: %d %v", a.code, err)
		}
		if a, err := d.try("GET", d.admin+"/metrics", "", nil); err != nil || !strings.Contains(a.body, `code="429"`) {
			s.Errorf("the metrics do not show the real status: %v", err)
		}
		d.drainsWith200()
	})
}

// later holds that an answer says when to come back, or does not.
func (d *daemon) later(c call, want string, says bool) {
	d.Helper()
	if a := d.understands(c, want); a.header.Get("Retry-After") != "" != says {
		d.Errorf("%s: Retry-After is %q", c, a.header.Get("Retry-After"))
	}
}

// drainsWith200 stops the daemon, which waits for a slow provider, and calls it meanwhile.
func (d *daemon) drainsWith200() {
	d.Helper()
	before := len(d.provider.Requests())
	d.accepted(renew("M", "slow=50000+success@example.com"))
	d.until("the provider is asked", func() bool { return len(d.provider.Requests()) > before })
	d.signal(terminate)
	d.until("the daemon drains", func() bool { return d.ready() == http.StatusServiceUnavailable })
	d.later(call{"GET", "/API/?stock", "", nil, 503}, messages["system_error"], true)
	d.later(call{"POST", "/API", upgrade("L", "l", "US"), asForm, 503}, messages["system_error"], true)
	d.kill()
}
