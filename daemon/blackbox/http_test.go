package blackbox_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// faulty is an answer that says plainly what is wrong.
var faulty = regexp.MustCompile(`^\{"status":"error","message":"[^"]{10,}"\}$`)

// A call is a request, and the status of its answer if that is not one of the documented ones.
type call struct {
	method, target, body string
	header               http.Header
	code                 int
}

func (c call) String() string {
	text := fmt.Sprintf("%s %s %v %q", c.method, c.target, c.header, c.body)
	return text[:min(len(text), 120)]
}

// makes calls, whose answers must be of their status and form.
func (d *daemon) makes(calls []call) {
	d.Helper()
	for _, c := range calls {
		a := d.ask(c.method, c.target, c.body, c.header)
		if a.code != c.code || (c.code != http.StatusOK && c.method != http.MethodHead && !faulty.MatchString(a.body)) {
			d.Errorf("%s: %d %s, not %d", c, a.code, a.body, c.code)
		}
	}
}

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

var (
	asForm = header("Content-Type", formType)
	asJSON = header("Content-Type", "application/json")
)

func TestWhatIsServed(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		d := s.serve("--page=off")
		var calls []call
		for _, path := range []string{"/", "/api/", "/API/x", "/API/info", "/API//", "/healthz", "/readyz", "/metrics", "/index.html"} {
			calls = append(calls, call{"GET", path + "?stock", "", nil, 404}, call{"POST", path, "stock", asForm, 404})
		}
		calls = append(calls,
			call{"GET", "/API?stock", "", nil, 200},
			call{"GET", "/API?info=x", "", nil, 200},
			call{"POST", "/API", "info=x", asForm, 200},
			call{"POST", "/API/?info=x", "", nil, 200},
			call{"POST", "/API/?info=x", "", asJSON, 200}, // there is no body that it could speak of
			call{"HEAD", "/API/?info=x", "", nil, 200},
			call{"HEAD", "/API?stock", "", nil, 200},
			call{"POST", "/API/", "info=x", asJSON, 415},
			call{"POST", "/API/?info=x", "{}", asJSON, 415},
			call{"POST", "/API/", "info=x", nil, 415},
			call{"POST", "/API/", "info=x", header("Content-Type", "multipart/form-data; boundary=x"), 415},
			call{"POST", "/API/", "info=x", header("Content-Type", "Application/X-WWW-Form-Urlencoded ; charset=utf-8"), 200},
		)
		d.makes(calls)
		for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/metrics": "keyseat_"} {
			a, err := d.try("GET", d.admin+path, "", nil)
			if err != nil || a.code != 200 || !strings.Contains(a.body, want) {
				s.Errorf("%s of the admin listener: %d %v", path, a.code, err)
			}
		}
		if a, err := d.try("GET", d.admin+"/API/?stock", "", nil); err != nil || a.code != 404 {
			s.Errorf("the API on the admin listener: %d %v", a.code, err)
		}
	})
}

func TestMethods(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.fresh("K")
		d := s.serve()
		for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"} {
			for query, allow := range map[string]string{
				"info=K": "GET, HEAD, POST", "stock": "GET, HEAD, POST", "": "GET, HEAD, POST", "%zz": "GET, HEAD, POST",
				"upgrade=K": "GET, POST", "renew=K&info=K": "GET, POST",
			} {
				d.notAllowed(call{method, "/API/?" + query, "", asJSON, 405}, allow)
			}
		}
		for _, query := range []string{upgrade("K", "l", "US"), renew("K", "l"), "upgrade=K&%zz", "renew"} {
			d.notAllowed(call{"HEAD", "/API/?" + query, "", nil, 405}, "GET, POST")
		}
		if k := d.info("K"); k.Status != "active" {
			s.Errorf("the key is %s", k.body)
		}
		a, b := d.get("info=K"), d.ask("HEAD", "/API/?info=K", "", nil)
		if b.body != "" || b.header.Get("Content-Length") != fmt.Sprint(len(a.body)) {
			s.Errorf("HEAD has the length %s, GET %d", b.header.Get("Content-Length"), len(a.body))
		}
	})
}

func (d *daemon) notAllowed(c call, allow string) {
	d.Helper()
	d.makes([]call{c})
	if got := d.ask(c.method, c.target, c.body, c.header).header.Get("Allow"); got != allow {
		d.Errorf("%s: Allow is %q, not %q", c, got, allow)
	}
}

func TestMalformedRequests(t *testing.T) {
	queries := []string{
		"", "utm=x", "Info=x", "login=x&pwd=y", // none
		"info=x&stock", "upgrade=x&renew=x", "info&renew", "stock&info=x&upgrade=y", // several
		"info=x&info=y", "upgrade=x&login=a&login=b", "stock=1&stock=2", "info=x&info", "stock&pwd=a&pwd=b", // repeated
		"info=%zz", "info=x&a=%", "info=x;stock", "stock;", // does not parse
		"info=%ff", "stock&login=%c3%28", "stock&%ff=x", "stock&a=%ed%a0%80", // no UTF-8
	}
	var calls []call
	for _, query := range queries {
		calls = append(calls, call{"GET", "/API/?" + query, "", nil, 400}, call{"POST", "/API/", query, asForm, 400})
	}
	for _, query := range []string{"info=x&info=x", "info=%20x&utm=1&utm=2", "stock&a;=1"} {
		code := 200
		if strings.Contains(query, ";") {
			code = 400
		}
		calls = append(calls, call{"GET", "/API/?" + query, "", nil, code}, call{"POST", "/API/", query, asForm, code})
	}
	calls = append(calls,
		call{"POST", "/API/?info=x", "info=x", asForm, 400},
		call{"POST", "/API/?info=x", "stock", asForm, 400},
		call{"POST", "/API/?upgrade=x&login=l", "login=l", asForm, 400},
		call{"POST", "/API/?info=x", "utm=1", asForm, 200},
		call{"POST", "/API/?%zz", "stock", asForm, 400},
	)
	eachDatabase(t, func(s *shop) { s.serve().makes(calls) })
}

func TestPrefetch(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.importKeys("code,used", "K,", "L,1")
		s.importPlans("p,US,5,,")
		d := s.serve()
		var calls []call
		for _, h := range []http.Header{
			header("Sec-Purpose", "prefetch"), header("Sec-Purpose", "prefetch;prerender"), header("Purpose", "prefetch"),
			header("Purpose", "Prefetch", "Content-Type", formType),
		} {
			calls = append(calls,
				call{"GET", "/API/?" + upgrade("K", "l", "US"), "", h, 400},
				call{"GET", "/API/?" + renew("L", "l"), "", h, 400},
				call{"POST", "/API/?" + upgrade("K", "l", "US"), "", h, 400},
				call{"GET", "/API/?info=K", "", h, 200},
				call{"GET", "/API/?stock", "", h, 200},
			)
		}
		d.makes(calls)
		for _, code := range []string{"K", "L"} {
			if k := d.info(code); k.Status != "active" {
				s.Errorf("a prefetch changed %s", k.body)
			}
		}
	})
}

func TestSizes(t *testing.T) {
	const limit = 16 << 10
	fill := func(start string, to int) string { return start + strings.Repeat("x", to-len(start)) }
	eachDatabase(t, func(s *shop) {
		d := s.serve()
		d.makes([]call{
			{"POST", "/API/", fill("stock&utm=", limit), asForm, 200},
			{"POST", "/API/", fill("stock&utm=", limit+1), asForm, 413},
			{"POST", "/API/", fill("stock&utm=", 1<<20), asForm, 413},
			{"GET", fill("/API/?stock&utm=", limit), "", nil, 200},
			{"GET", fill("/API/?stock&utm=", limit+1), "", nil, 414},
			{"GET", "/API/?stock", "", header("X-Long", strings.Repeat("x", limit-1000)), 200},
			{"GET", "/API/?stock", "", header("X-Long", strings.Repeat("x", limit)), 431},
		})
		if code := d.raw("GET /API/?stock HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 1<<20) + "\r\n\r\n"); code != 431 {
			s.Errorf("a megabyte of headers: %d", code)
		}
		if code := d.raw("GET /API/?info=a b HTTP/1.1\r\nHost: x\r\n\r\n"); code != 400 {
			s.Errorf("a request that is none: %d", code)
		}
	})
}

// raw sends bytes and gives the status of the answer, 0 if there is none.
func (d *daemon) raw(request string) int {
	var dialer net.Dialer
	ctx, cancel := context.WithTimeout(d.Context(), patience)
	defer cancel()
	conn, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(d.url, "http://"))
	if err != nil {
		return 0
	}
	defer func() { _ = conn.Close() }() // it has served
	_ = conn.SetDeadline(time.Now().Add(patience))
	go func() { // because the server may answer before it has read all
		_, _ = conn.Write([]byte(request))
		if half, is := conn.(*net.TCPConn); is {
			_ = half.CloseWrite()
		}
	}()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	defer func() { _ = response.Body.Close() }() // nobody reads it
	return response.StatusCode
}

// TestNoGetSecrets holds that with that flag upgrade and renew are by POST, with secrets in the body.
func TestNoGetSecrets(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.importKeys("code,used", "K,", "L,1", "M,")
		s.importPlans("p,US,5,,")
		d := s.serve("--no-get-secrets")
		d.notAllowed(call{"GET", "/API/?" + upgrade("K", "l", "US"), "", nil, 405}, "POST")
		d.notAllowed(call{"GET", "/API/?" + renew("L", "l"), "", nil, 405}, "POST")
		d.makes([]call{{"POST", "/API/?" + upgrade("K", "l", "US"), "", nil, 400}})
		d.is(d.get("info=nobody"), 200, notExist)
		d.accepted(upgrade("K", pending, "US"))
		d.accepted(renew("L", pending))
	})
}

// TestTheCheckerOfAnswersFails plants one fault each.
func TestTheCheckerOfAnswersFails(t *testing.T) {
	good := func() answer {
		h := http.Header{}
		for name, value := range everyHeader {
			h.Set(name, value)
		}
		return answer{200, `{"status":"a&b"}`, h}
	}
	if err := good().check("GET"); err != nil {
		t.Error(err)
	}
	for name := range everyHeader {
		a := good()
		a.header.Del(name)
		if a.check("GET") == nil {
			t.Errorf("an answer without %s passes", name)
		}
	}
	for _, body := range []string{"", "{}\n", "{", `{"status":"a` + `\u0026b"}`} {
		a := good()
		if a.body = body; a.check("GET") == nil {
			t.Errorf("%q passes", body)
		}
	}
	if (plan{Slots: 2, Free: 3, Held: -1}).check() == nil || (plan{Slots: 2, Free: 1}).check() == nil {
		t.Error("counts that do not add up pass")
	}
}
