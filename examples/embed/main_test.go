package main

import (
	"context"
	"io"
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
	server := httptest.NewServer(mux)
	defer server.Close()
	done := make(chan error, 1)
	go func() { done <- embed(ctx, mux) }()
	call := func(query url.Values) string {
		r, err := http.PostForm(server.URL+"/API/", query)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
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
	wait(url.Values{"upgrade": {"MY-FIRST-KEY"}, "login": {"a@example.com"}, "pwd": {"p"}, "country": {"US"}}, `"status":"success"`)
	wait(key, `"status":"success"`)
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
