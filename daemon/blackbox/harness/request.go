package harness

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
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

// ReadResponse reads the body of a response and closes it.
func ReadResponse(response *http.Response) (Response, error) {
	defer func() { _ = response.Body.Close() }() // the body was read
	text, err := io.ReadAll(response.Body)
	return Response{response.StatusCode, string(text), response.Header}, err
}

// FormType is the content type of a form.
const FormType = "application/x-www-form-urlencoded"

// CommonHeaders are the headers that every response of the API has, whatever its status.
var CommonHeaders = map[string]string{
	"Content-Type":           "application/json; charset=utf-8",
	"Cache-Control":          "no-store",
	"Referrer-Policy":        "no-referrer",
	"X-Content-Type-Options": "nosniff",
}

// Check returns an error unless the response has the [CommonHeaders], and a body of JSON on one line without escapes
// for HTML. A response to HEAD has no body.
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

// ErrorBody returns the body of a response of the API that refuses a request with a message.
func ErrorBody(message string) string { return fmt.Sprintf(`{"status":"error","message":%q}`, message) }

// Query encodes pairs of names and values as a query or a form, in the order of the pairs.
func Query(pairs ...string) string {
	var parts []string
	for i := 0; i < len(pairs); i += 2 {
		parts = append(parts, url.QueryEscape(pairs[i])+"="+url.QueryEscape(pairs[i+1]))
	}
	return strings.Join(parts, "&")
}

// Password is a password that every policy allows.
const Password = "correct horse 1"

// Upgrade returns the form that requests an upgrade.
func Upgrade(code, login, country string) string {
	return Query("upgrade", code, "login", login, "pwd", Password, "country", country)
}

// Renew returns the form that requests a renew.
func Renew(code, login string) string {
	return Query("renew", code, "login", login, "pwd", Password, "country", "US")
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
