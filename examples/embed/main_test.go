package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestEmbed(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	mux := http.NewServeMux()
	done := make(chan error, 1)
	go func() { done <- embed(ctx, mux) }()
	call := func(query url.Values) string {
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/API/?"+query.Encode(), nil)
		mux.ServeHTTP(w, r)
		return w.Body.String()
	}
	wait := func(query url.Values, want string) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !strings.Contains(call(query), want); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%v: %s", query, call(query))
			}
		}
	}
	key := url.Values{"info": {"MY-FIRST-KEY"}}
	wait(key, `"status":"active"`)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/API?upgrade=NONE&login=a&pwd=hunter2secret&country=US", nil))
	if w.Code != http.StatusOK || w.Header().Get("Location") != "" || !strings.Contains(w.Body.String(), `"status":"not_exist"`) {
		t.Errorf("/API without a slash: %d %v %s", w.Code, w.Header(), w.Body)
	}
	wait(url.Values{"upgrade": {"MY-FIRST-KEY"}, "login": {"a@example.com"}, "pwd": {"p"}, "country": {"US"}}, `"status":"success"`)
	wait(key, `"status":"success"`)
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
