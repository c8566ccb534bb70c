package blackbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// An Response is what a client receives.
type Response struct {
	Code   int
	Body   string
	Header http.Header
}

func NewClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       20 * time.Second,
	}
}

// Send sends a request and reads the answer whole.
func (d *Daemon) Send(method, target, body string, header http.Header) (Response, error) {
	r, err := http.NewRequestWithContext(d.Context(), method, target, strings.NewReader(body))
	if err != nil {
		return Response{}, err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	response, err := d.Client.Do(r)
	if err != nil {
		return Response{}, err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	text, err := io.ReadAll(response.Body)
	return Response{response.StatusCode, string(text), response.Header}, err
}

// Do calls the public listener at that path and query, and checks what every answer must be like.
func (d *Daemon) Do(method, target, body string, header http.Header) Response {
	d.Helper()
	a, err := d.Send(method, d.URL+target, body, header)
	if err == nil {
		err = a.Check(method)
	}
	if err != nil {
		d.Fatalf("%s: %v", method, err)
	}
	return a
}

func (d *Daemon) Get(query string) Response {
	d.Helper()
	return d.Do(http.MethodGet, "/API/?"+query, "", nil)
}

func (d *Daemon) Post(form string) Response {
	d.Helper()
	return d.Do(http.MethodPost, "/API/", form, http.Header{"Content-Type": {FormType}})
}

const FormType = "application/x-www-form-urlencoded"

// CommonHeaders is what every answer has, of every status code.
var CommonHeaders = map[string]string{
	"Content-Type":           "application/json; charset=utf-8",
	"Cache-Control":          "no-store",
	"Referrer-Policy":        "no-referrer",
	"X-Content-Type-Options": "nosniff",
}

// Check says what is wrong with an answer of the API, whatever it answers.
func (a Response) Check(method string) error {
	for name, want := range CommonHeaders {
		if got := a.Header.Values(name); len(got) != 1 || got[0] != want {
			return fmt.Errorf("%s is %q", name, got)
		}
	}
	if method == http.MethodHead {
		return nil
	}
	if !json.Valid([]byte(a.Body)) || strings.ContainsAny(a.Body, "\r\n") {
		return fmt.Errorf("the body is not JSON on one line: %q", a.Body)
	}
	if strings.Contains(a.Body, `\u0026`) || strings.Contains(a.Body, `\u003c`) || strings.Contains(a.Body, `\u003e`) {
		return fmt.Errorf("the body is escaped for HTML: %q", a.Body)
	}
	return nil
}

// Expect fails the test unless the answer is that, byte for byte.
func (d *Daemon) Expect(a Response, code int, body string) {
	d.Helper()
	if a.Code != code || a.Body != body {
		d.Errorf("got  %d %s\nwant %d %s", a.Code, a.Body, code, body)
	}
}

// statusBody is the body of a verdict.
func statusBody(status, message string) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(message) // a string always can be
	return `{"status":"` + status + `","message":` + strings.TrimSpace(out.String()) + `}`
}

func ErrorBody(message string) string { return statusBody("error", message) }

// Query encodes pairs of names and values, in order.
func Query(pairs ...string) string {
	var parts []string
	for i := 0; i < len(pairs); i += 2 {
		parts = append(parts, url.QueryEscape(pairs[i])+"="+url.QueryEscape(pairs[i+1]))
	}
	return strings.Join(parts, "&")
}

const Password = "correct horse 1"

func Upgrade(code, login, country string) string {
	return Query("upgrade", code, "login", login, "pwd", Password, "country", country)
}

func Renew(code, login string) string {
	return Query("renew", code, "login", login, "pwd", Password, "country", "US")
}

// MustAccept makes a call that must be accepted.
func (d *Daemon) MustAccept(form string) {
	d.Helper()
	want := UpgradeSent
	if strings.HasPrefix(form, "renew") {
		want = RenewSent
	}
	d.Expect(d.Post(form), http.StatusOK, want)
}
