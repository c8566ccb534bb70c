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

// An answer is what a client receives.
type answer struct {
	code   int
	body   string
	header http.Header
}

func newClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       20 * time.Second,
	}
}

// try sends a request and reads the answer whole.
func (d *daemon) try(method, target, body string, header http.Header) (answer, error) {
	r, err := http.NewRequestWithContext(d.Context(), method, target, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	response, err := d.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, string(text), response.Header}, err
}

// ask calls the public listener at that path and query, and checks what every answer must be like.
func (d *daemon) ask(method, target, body string, header http.Header) answer {
	d.Helper()
	a, err := d.try(method, d.url+target, body, header)
	if err == nil {
		err = a.check(method)
	}
	if err != nil {
		d.Fatalf("%s: %v", method, err)
	}
	return a
}

func (d *daemon) get(query string) answer {
	d.Helper()
	return d.ask(http.MethodGet, "/API/?"+query, "", nil)
}

func (d *daemon) post(form string) answer {
	d.Helper()
	return d.ask(http.MethodPost, "/API/", form, http.Header{"Content-Type": {formType}})
}

const formType = "application/x-www-form-urlencoded"

// everyHeader is what every answer has, of every status code.
var everyHeader = map[string]string{
	"Content-Type":           "application/json; charset=utf-8",
	"Cache-Control":          "no-store",
	"Referrer-Policy":        "no-referrer",
	"X-Content-Type-Options": "nosniff",
}

// check says what is wrong with an answer of the API, whatever it answers.
func (a answer) check(method string) error {
	for name, want := range everyHeader {
		if got := a.header.Values(name); len(got) != 1 || got[0] != want {
			return fmt.Errorf("%s is %q", name, got)
		}
	}
	if method == http.MethodHead {
		return nil
	}
	if !json.Valid([]byte(a.body)) || strings.ContainsAny(a.body, "\r\n") {
		return fmt.Errorf("the body is not JSON on one line: %q", a.body)
	}
	if strings.Contains(a.body, `\u0026`) || strings.Contains(a.body, `\u003c`) || strings.Contains(a.body, `\u003e`) {
		return fmt.Errorf("the body is escaped for HTML: %q", a.body)
	}
	return nil
}

// is fails the test unless the answer is that, byte for byte.
func (d *daemon) is(a answer, code int, body string) {
	d.Helper()
	if a.code != code || a.body != body {
		d.Errorf("got  %d %s\nwant %d %s", a.code, a.body, code, body)
	}
}

// said is the body of a verdict.
func said(status, message string) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(message) // a string always can be
	return `{"status":"` + status + `","message":` + strings.TrimSpace(out.String()) + `}`
}

func refused(message string) string { return said("error", message) }

// q encodes pairs of names and values, in order.
func q(pairs ...string) string {
	var parts []string
	for i := 0; i < len(pairs); i += 2 {
		parts = append(parts, url.QueryEscape(pairs[i])+"="+url.QueryEscape(pairs[i+1]))
	}
	return strings.Join(parts, "&")
}

const password = "correct horse 1"

func upgrade(code, login, country string) string {
	return q("upgrade", code, "login", login, "pwd", password, "country", country)
}

func renew(code, login string) string {
	return q("renew", code, "login", login, "pwd", password, "country", "US")
}

// accepted makes a call that must be accepted.
func (d *daemon) accepted(form string) {
	d.Helper()
	want := upgradeSent
	if strings.HasPrefix(form, "renew") {
		want = renewSent
	}
	d.is(d.post(form), http.StatusOK, want)
}
