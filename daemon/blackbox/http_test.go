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

// errorBody is an answer that says plainly what is wrong.
var errorBody = regexp.MustCompile(`^\{"status":"error","message":"[^"]{10,}"\}$`)

// A Request is a request, and the status of its answer if that is not one of the documented ones.
type Request struct {
	Method, Target, Body string
	Header               http.Header
	Code                 int
}

func (c Request) String() string {
	text := fmt.Sprintf("%s %s %v %q", c.Method, c.Target, c.Header, c.Body)
	return text[:min(len(text), 120)]
}

// ExpectStatus calls, whose answers must be of their status and form.
func (d *Daemon) ExpectStatus(calls []Request) {
	d.Helper()
	for _, c := range calls {
		a := d.Do(c.Method, c.Target, c.Body, c.Header)
		if a.Code != c.Code || (c.Code != http.StatusOK && c.Method != http.MethodHead && !errorBody.MatchString(a.Body)) {
			d.Errorf("%s: %d %s, not %d", c, a.Code, a.Body, c.Code)
		}
	}
}

func Headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

var (
	FormHeader = Headers("Content-Type", FormType)
	JSONHeader = Headers("Content-Type", "application/json")
)

func TestPathsServed(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		d := s.Serve("--page=off")
		var calls []Request
		for _, path := range []string{"/", "/api/", "/API/x", "/API/info", "/API//", "/healthz", "/readyz", "/metrics", "/index.html"} {
			calls = append(calls, Request{"GET", path + "?stock", "", nil, 404}, Request{"POST", path, "stock", FormHeader, 404})
		}
		calls = append(calls,
			Request{"GET", "/API?stock", "", nil, 200},
			Request{"GET", "/API?info=x", "", nil, 200},
			Request{"POST", "/API", "info=x", FormHeader, 200},
			Request{"POST", "/API/?info=x", "", nil, 200},
			Request{"POST", "/API/?info=x", "", JSONHeader, 200}, // there is no body that it could speak of
			Request{"HEAD", "/API/?info=x", "", nil, 200},
			Request{"HEAD", "/API?stock", "", nil, 200},
			Request{"POST", "/API/", "info=x", JSONHeader, 415},
			Request{"POST", "/API/?info=x", "{}", JSONHeader, 415},
			Request{"POST", "/API/", "info=x", nil, 415},
			Request{"POST", "/API/", "info=x", Headers("Content-Type", "multipart/form-data; boundary=x"), 415},
			Request{"POST", "/API/", "info=x", Headers("Content-Type", "Application/X-WWW-Form-Urlencoded ; charset=utf-8"), 200},
		)
		d.ExpectStatus(calls)
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
	ForEachDatabase(t, func(s *Shop) {
		s.AddKeys("K")
		d := s.Serve()
		for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"} {
			for query, allow := range map[string]string{
				"info=K": "GET, HEAD, POST", "stock": "GET, HEAD, POST", "": "GET, HEAD, POST", "%zz": "GET, HEAD, POST",
				"upgrade=K": "GET, POST", "renew=K&info=K": "GET, POST",
			} {
				d.ExpectNotAllowed(Request{method, "/API/?" + query, "", JSONHeader, 405}, allow)
			}
		}
		for _, query := range []string{Upgrade("K", "l", "US"), Renew("K", "l"), "upgrade=K&%zz", "renew"} {
			d.ExpectNotAllowed(Request{"HEAD", "/API/?" + query, "", nil, 405}, "GET, POST")
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

func (d *Daemon) ExpectNotAllowed(c Request, allow string) {
	d.Helper()
	d.ExpectStatus([]Request{c})
	if got := d.Do(c.Method, c.Target, c.Body, c.Header).Header.Get("Allow"); got != allow {
		d.Errorf("%s: Allow is %q, not %q", c, got, allow)
	}
}

func TestMalformedRequestsAreRefused(t *testing.T) {
	queries := []string{
		"", "utm=x", "Info=x", "login=x&pwd=y", // none
		"info=x&stock", "upgrade=x&renew=x", "info&renew", "stock&info=x&upgrade=y", // several
		"info=x&info=y", "upgrade=x&login=a&login=b", "stock=1&stock=2", "info=x&info", "stock&pwd=a&pwd=b", // repeated
		"info=%zz", "info=x&a=%", "info=x;stock", "stock;", // does not parse
		"info=%ff", "stock&login=%c3%28", "stock&%ff=x", "stock&a=%ed%a0%80", // no UTF-8
	}
	var calls []Request
	for _, query := range queries {
		calls = append(calls, Request{"GET", "/API/?" + query, "", nil, 400}, Request{"POST", "/API/", query, FormHeader, 400})
	}
	for _, query := range []string{"info=x&info=x", "info=%20x&utm=1&utm=2", "stock&a;=1"} {
		code := 200
		if strings.Contains(query, ";") {
			code = 400
		}
		calls = append(calls, Request{"GET", "/API/?" + query, "", nil, code}, Request{"POST", "/API/", query, FormHeader, code})
	}
	calls = append(calls,
		Request{"POST", "/API/?info=x", "info=x", FormHeader, 400},
		Request{"POST", "/API/?info=x", "stock", FormHeader, 400},
		Request{"POST", "/API/?upgrade=x&login=l", "login=l", FormHeader, 400},
		Request{"POST", "/API/?info=x", "utm=1", FormHeader, 200},
		Request{"POST", "/API/?%zz", "stock", FormHeader, 400},
	)
	ForEachDatabase(t, func(s *Shop) { s.Serve().ExpectStatus(calls) })
}

func TestPrefetchChangesNothing(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.ImportKeys("code,used", "K,", "L,1")
		s.ImportPlans("p,US,5,,")
		d := s.Serve()
		var calls []Request
		for _, h := range []http.Header{
			Headers("Sec-Purpose", "prefetch"), Headers("Sec-Purpose", "prefetch;prerender"), Headers("Purpose", "prefetch"),
			Headers("Purpose", "Prefetch", "Content-Type", FormType),
		} {
			calls = append(calls,
				Request{"GET", "/API/?" + Upgrade("K", "l", "US"), "", h, 400},
				Request{"GET", "/API/?" + Renew("L", "l"), "", h, 400},
				Request{"POST", "/API/?" + Upgrade("K", "l", "US"), "", h, 400},
				Request{"GET", "/API/?info=K", "", h, 200},
				Request{"GET", "/API/?stock", "", h, 200},
			)
		}
		d.ExpectStatus(calls)
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
	ForEachDatabase(t, func(s *Shop) {
		d := s.Serve()
		d.ExpectStatus([]Request{
			{"POST", "/API/", fill("stock&utm=", limit), FormHeader, 200},
			{"POST", "/API/", fill("stock&utm=", limit+1), FormHeader, 413},
			{"POST", "/API/", fill("stock&utm=", 1<<20), FormHeader, 413},
			{"GET", fill("/API/?stock&utm=", limit), "", nil, 200},
			{"GET", fill("/API/?stock&utm=", limit+1), "", nil, 414},
			{"GET", "/API/?stock", "", Headers("X-Long", strings.Repeat("x", limit-1000)), 200},
			{"GET", "/API/?stock", "", Headers("X-Long", strings.Repeat("x", limit)), 431},
		})
		if code := d.SendRaw("GET /API/?stock HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 1<<20) + "\r\n\r\n"); code != 431 {
			s.Errorf("a megabyte of headers: %d", code)
		}
		if code := d.SendRaw("GET /API/?info=a b HTTP/1.1\r\nHost: x\r\n\r\n"); code != 400 {
			s.Errorf("a request that is none: %d", code)
		}
	})
}

// SendRaw sends bytes and gives the status of the answer, 0 if there is none.
func (d *Daemon) SendRaw(request string) int {
	var dialer net.Dialer
	ctx, cancel := context.WithTimeout(d.Context(), MaxWait)
	defer cancel()
	conn, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(d.URL, "http://"))
	if err != nil {
		return 0
	}
	defer func() { _ = conn.Close() }() // it has served
	_ = conn.SetDeadline(time.Now().Add(MaxWait))
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

// TestNoGetSecretsRequiresPOST holds that with that flag upgrade and renew are by POST, with secrets in the body.
func TestNoGetSecretsRequiresPOST(t *testing.T) {
	ForEachDatabase(t, func(s *Shop) {
		s.ImportKeys("code,used", "K,", "L,1", "M,")
		s.ImportPlans("p,US,5,,")
		d := s.Serve("--no-get-secrets")
		d.ExpectNotAllowed(Request{"GET", "/API/?" + Upgrade("K", "l", "US"), "", nil, 405}, "POST")
		d.ExpectNotAllowed(Request{"GET", "/API/?" + Renew("L", "l"), "", nil, 405}, "POST")
		d.ExpectStatus([]Request{{"POST", "/API/?" + Upgrade("K", "l", "US"), "", nil, 400}})
		d.Expect(d.Get("info=nobody"), 200, NotExist)
		d.MustAccept(Upgrade("K", PendingLogin, "US"))
		d.MustAccept(Renew("L", PendingLogin))
	})
}

// TestResponseCheckFindsFaults plants one fault each.
func TestResponseCheckFindsFaults(t *testing.T) {
	good := func() Response {
		h := http.Header{}
		for name, value := range CommonHeaders {
			h.Set(name, value)
		}
		return Response{200, `{"status":"a&b"}`, h}
	}
	if err := good().Check("GET"); err != nil {
		t.Error(err)
	}
	for name := range CommonHeaders {
		a := good()
		a.Header.Del(name)
		if a.Check("GET") == nil {
			t.Errorf("an answer without %s passes", name)
		}
	}
	for _, body := range []string{"", "{}\n", "{", `{"status":"a` + `\u0026b"}`} {
		a := good()
		if a.Body = body; a.Check("GET") == nil {
			t.Errorf("%q passes", body)
		}
	}
	if (Plan{Slots: 2, Free: 3, Held: -1}).Check() == nil || (Plan{Slots: 2, Free: 1}).Check() == nil {
		t.Error("counts that do not add up pass")
	}
}
