package client_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/client"
	"github.com/keyseat/keyseat/tasks"
)

// canaries lists the texts that no error may contain, in every spelling that a request can send.
var canaries = []string{"canary", "CANARY"}

// TestErrorsContainNoSecret returns everything that was sent, in every way that a peer or a transport can return it. No
// error may contain any of it.
func TestErrorsContainNoSecret(t *testing.T) {
	for what, handler := range map[string]http.HandlerFunc{
		"in a refusal": func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, `{"status":"error","message":%q}`, requestText(r))
		},
		"with a status": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, `{"status":"error","message":%q}`, requestText(r))
		},
		"as text": func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, requestText(r)) },
		"in a header that is none": func(w http.ResponseWriter, r *http.Request) {
			raw(w, "HTTP/1.1 200 OK\r\n"+requestText(r)+"\r\n\r\n")
		},
		"in a status that is none": func(w http.ResponseWriter, r *http.Request) { raw(w, requestText(r)+"\r\n\r\n") },
		"in a length": func(w http.ResponseWriter, r *http.Request) {
			raw(w, "HTTP/1.1 200 OK\r\nContent-Length: "+requestText(r)+"\r\n\r\n")
		},
		"in a redirect": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://%zz/"+url.QueryEscape(requestText(r)))
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
		"in a pause": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", url.QueryEscape(requestText(r)))
			w.WriteHeader(http.StatusServiceUnavailable)
		},
		"cut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		server := httptest.NewServer(handler)
		server.Config.ErrorLog = nil
		checkErrors(t, what, server.URL)
		server.Close()
		checkErrors(t, what+", later", server.URL)
	}
	checkErrors(t, "no such host", "https://canary.invalid")
}

// checkErrors makes every kind of call. It checks that each call fails and that its error contains no canary.
func checkErrors(t *testing.T, what, base string) {
	t.Helper()
	o := client.Options{Repeats: -1}
	c, err := client.New(base, o)
	a, same := client.NewAdmin(base, tasks.NewSecret(token), o)
	if err != nil || same != nil {
		t.Fatal(err, same)
	}
	ctx := t.Context()
	_, info := c.Info(ctx, code)
	_, key := a.Key(ctx, code)
	_, reset := a.Reset(ctx, code)
	for i, err := range []error{info, c.Upgrade(ctx, code, account, "US"), c.Renew(ctx, code, account, "US"), key, reset} {
		if err == nil {
			t.Errorf("%s: call %d does not fail", what, i)
		}
		for ; err != nil; err = errors.Unwrap(err) {
			for _, canary := range canaries {
				if text := fmt.Sprintf("%v %+v %q", err, err, err); strings.Contains(text, canary) {
					t.Errorf("%s: the error of call %d has %s", what, i, text)
				}
			}
		}
	}
}

// requestText returns all text of a request.
func requestText(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	text, _ := url.QueryUnescape(string(body))
	return strings.ReplaceAll(r.URL.Path+" "+r.Header.Get("Authorization")+" "+text, "\n", " ")
}

// raw sends a text that may not be valid HTTP as the response.
func raw(w http.ResponseWriter, text string) {
	var conn net.Conn
	var out *bufio.ReadWriter
	conn, out, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = out.WriteString(text)
	_ = out.Flush()
	_ = conn.Close()
}
