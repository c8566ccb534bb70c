package harness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A Response is the status, body and headers of an answer.
type Response struct {
	Code   int
	Body   string
	Header http.Header
}

// NewClient returns a client that follows no redirects and keeps up to 64 connections.
func NewClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       20 * time.Second,
	}
}

// Send sends a request and reads the whole response.
func (d *Daemon) Send(method, target, body string, header http.Header) (Response, error) {
	r, err := http.NewRequestWithContext(d.Context(), method, target, strings.NewReader(body))
	if err != nil {
		return Response{}, err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	response, err := d.Client.Do(r) //nolint:bodyclose // ReadResponse closes it
	if err != nil {
		return Response{}, err
	}
	return ReadResponse(response)
}

// ReadResponse reads the body of a response and closes it.
func ReadResponse(response *http.Response) (Response, error) {
	defer func() { _ = response.Body.Close() }() // the body was read
	text, err := io.ReadAll(response.Body)
	return Response{response.StatusCode, string(text), response.Header}, err
}

// Do sends a request to the public listener, and checks what every response of the API must have.
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

// Get calls the API by GET.
func (d *Daemon) Get(query string) Response {
	d.Helper()
	return d.Do(http.MethodGet, "/API/?"+query, "", nil)
}

// Post calls the API by POST.
func (d *Daemon) Post(form string) Response {
	d.Helper()
	return d.Do(http.MethodPost, "/API/", form, http.Header{"Content-Type": {FormType}})
}

// FormType is the content type of a form.
const FormType = "application/x-www-form-urlencoded"

// CommonHeaders are in every response of the API, whatever its status.
var CommonHeaders = map[string]string{
	"Content-Type":           "application/json; charset=utf-8",
	"Cache-Control":          "no-store",
	"Referrer-Policy":        "no-referrer",
	"X-Content-Type-Options": "nosniff",
}

// Check returns an error if a response of the API lacks what every response must have.
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

// Expect checks the status of a response, and its body to the byte.
func (d *Daemon) Expect(a Response, code int, body string) {
	d.Helper()
	if a.Code != code || a.Body != body {
		d.Errorf("got  %d %s\nwant %d %s", a.Code, a.Body, code, body)
	}
}

// ErrorBody returns the body of a refusal with that message.
func ErrorBody(message string) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(message) // a string always can be encoded
	return `{"status":"error","message":` + strings.TrimSpace(out.String()) + `}`
}

// Query encodes pairs of names and values, in their order.
func Query(pairs ...string) string {
	var parts []string
	for i := 0; i < len(pairs); i += 2 {
		parts = append(parts, url.QueryEscape(pairs[i])+"="+url.QueryEscape(pairs[i+1]))
	}
	return strings.Join(parts, "&")
}

// Password is a password that every policy allows.
const Password = "correct horse 1"

// Upgrade returns the form of an upgrade.
func Upgrade(code, login, country string) string {
	return Query("upgrade", code, "login", login, "pwd", Password, "country", country)
}

// Renew returns the form of a renew.
func Renew(code, login string) string {
	return Query("renew", code, "login", login, "pwd", Password, "country", "US")
}

// MustAccept posts an upgrade or a renew, which must be accepted.
func (d *Daemon) MustAccept(form string) {
	d.Helper()
	want := UpgradeSent
	if strings.HasPrefix(form, "renew") {
		want = RenewSent
	}
	d.Expect(d.Post(form), http.StatusOK, want)
}

// Headers makes headers of pairs of names and values.
func Headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

// Headers of requests with a body.
var (
	FormHeader = Headers("Content-Type", FormType)
	JSONHeader = Headers("Content-Type", "application/json")
)

// SendRaw sends bytes, and returns the status of the response. It is 0 without a response.
func (d *Daemon) SendRaw(request string) int {
	var dialer net.Dialer
	ctx, cancel := context.WithTimeout(d.Context(), MaxWait)
	defer cancel()
	conn, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(d.URL, "http://"))
	if err != nil {
		return 0
	}
	defer func() { _ = conn.Close() }() // the response was read
	_ = conn.SetDeadline(time.Now().Add(MaxWait))
	go func() { // in the background, because the server may answer before it has read everything
		_, _ = conn.Write([]byte(request))
		if half, is := conn.(*net.TCPConn); is {
			_ = half.CloseWrite()
		}
	}()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	defer func() { _ = response.Body.Close() }() // the body is not needed
	return response.StatusCode
}

// ExpectLimited checks that a response is 429, with a Retry-After of at most the given seconds.
func (d *Daemon) ExpectLimited(a Response, seconds int) {
	d.Helper()
	d.Expect(a, http.StatusTooManyRequests, TooMany)
	if after, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || after < 1 || after > seconds {
		d.Errorf("Retry-After is %q", a.Header.Get("Retry-After"))
	}
}

// GetFrom sends a call as a trusted proxy does for a client with that address.
func (d *Daemon) GetFrom(address, query string) Response {
	d.Helper()
	return d.Do(http.MethodGet, "/API/?"+query, "", Headers("X-Forwarded-For", address))
}
