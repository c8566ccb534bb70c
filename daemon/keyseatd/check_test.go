package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestCheck checks that the exit status reports whether a daemon is ready, and that one line explains why
// not.
func TestCheck(t *testing.T) {
	mux := http.NewServeMux()
	answer := func(path string, status int, text string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/readyz")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text))
		})
	}
	answer("/readyz", http.StatusOK, "ready\n")
	answer("/away", http.StatusServiceUnavailable, "not ready\n<html>\x1b[2J")
	answer("/moved", http.StatusTemporaryRedirect, "")
	answer("/empty", http.StatusNoContent, "")
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	server := httptest.NewServer(mux)
	defer server.Close()
	place := strings.TrimPrefix(server.URL, "http://")
	_, port, err := net.SplitHostPort(place)
	if err != nil {
		t.Fatal(err)
	}
	sh := shell{T: t, env: []string{"HTTP_PROXY=http://127.0.0.1:1", "KEYSEAT_ADMIN_LISTEN=0.0.0.0:" + port}}
	for _, args := range [][]string{
		nil,
		{"--url", server.URL},
		{"--url", server.URL + "/"},
		{"--url", server.URL + "/readyz"},
		{"--admin-listen", place},
		{"--admin-listen", ":" + port},
		{"--admin-listen", "localhost:" + port},
	} {
		if out := sh.ok(append([]string{"check"}, args...)...); out != "ready\n" {
			t.Errorf("%q: %q", args, out)
		}
	}
	for path, want := range map[string]string{
		"/away": "/away answers 503: not ready", "/moved": "/moved answers 307", "/empty": "/empty answers 204", "/nowhere": "answers 404: 404 page not found",
	} {
		sh.fails(exitFailed, want, "", "check", "--url", server.URL+path)
	}
	started := time.Now()
	sh.fails(exitFailed, "/slow: no answer within 3s", "", "check", "--url", server.URL+"/slow")
	if took := time.Since(started); took < checkTime || took > 5*checkTime {
		t.Errorf("it took %s", took)
	}
	server.Close()
	sh.fails(exitFailed, "keyseatd: cannot reach http://127.0.0.1:"+port+"/readyz: connection refused", "", "check")
	sh.fails(exitFailed, "cannot reach http://u:xxxxx@127.0.0.1:"+port+"/readyz: connection refused", "", "check", "--url", "http://u:s3cret@"+place)
	sh.fails(exitFailed, "cannot reach http://[::1]:1/readyz: ", "", "check", "--admin-listen", "[::]:1")
	sh.fails(exitUsage, "--url must be a URL", "", "check", "--url", "8081")
	sh.env = []string{"KEYSEAT_ADMIN_LISTEN="}
	sh.fails(exitFailed, "there is no admin listener to check: --admin-listen is empty", "", "check")
}
