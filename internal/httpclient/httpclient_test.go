package httpclient_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/internal/httpclient"
)

func TestParseBase(t *testing.T) {
	for base, want := range map[string]error{
		"https://service.example":            nil,
		"https://service.example:8443/v1/":   nil,
		"HTTPS://service.example":            nil,
		"http://localhost:8080":              nil,
		"http://127.0.0.1":                   nil,
		"http://127.9.9.9":                   nil,
		"http://[::1]:80":                    nil,
		"http://service.example":             httpclient.ErrPlaintext,
		"http://10.0.0.1":                    httpclient.ErrPlaintext,
		"http://localhost.example":           httpclient.ErrPlaintext,
		"https://u:s3cret@service.example":   httpclient.ErrBaseParts,
		"https://s3cret@service.example":     httpclient.ErrBaseParts,
		"https://service.example?key=s3cret": httpclient.ErrBaseParts,
		"https://service.example/?":          httpclient.ErrBaseParts,
		"https://service.example/#s3cret":    httpclient.ErrBaseParts,
		"https://service.example#":           httpclient.ErrBaseParts,
		"":                                   httpclient.ErrBase,
		"sim":                                httpclient.ErrBase,
		"service.example":                    httpclient.ErrBase,
		"//service.example":                  httpclient.ErrBase,
		"https:service.example":              httpclient.ErrBase,
		"https://":                           httpclient.ErrBase,
		"https://:443":                       httpclient.ErrBase,
		"ftp://service.example":              httpclient.ErrBase,
		"https://s3cret%zz.example":          httpclient.ErrBase,
		"https://u:s3cret@service.example:x": httpclient.ErrBase,
	} {
		u, err := httpclient.ParseBase(base, false)
		if !errors.Is(err, want) || (u == nil) != (want != nil) {
			t.Errorf("%s: %v, want %v", base, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v quotes a secret", err)
		}
	}
	if _, err := httpclient.ParseBase("http://10.0.0.1", true); err != nil {
		t.Error(err)
	}
}

func TestRetryAfter(t *testing.T) {
	server := time.Now().Add(-time.Hour).UTC() // the server's clock
	for text, want := range map[string]time.Duration{
		"":                     0,
		"0":                    0,
		"5":                    5 * time.Second,
		"8640":                 8640 * time.Second,
		"-5":                   0,
		"+5":                   0,
		"1.5":                  0,
		"soon":                 0,
		"5 s":                  0,
		"99999999999999999999": 9223372036 * time.Second,
		server.Add(90 * time.Second).Format(time.RFC850):  90 * time.Second,
		server.Add(time.Minute).Format(http.TimeFormat):   time.Minute,
		server.Add(-time.Minute).Format(http.TimeFormat):  0,
		"Fri, 99 Nov 2026 19:37:00 GMT":                   0,
		server.Add(time.Minute).Format(time.RFC3339):      0,
		server.Add(20 * time.Second).Format(time.ANSIC):   20 * time.Second,
		server.Add(time.Minute).Format(time.RFC1123)[:10]: 0,
	} {
		h := http.Header{"Date": {server.Format(http.TimeFormat)}, "Retry-After": {text}}
		if got := httpclient.RetryAfter(h); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	h := http.Header{"Retry-After": {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}}
	if got := httpclient.RetryAfter(h); got < 58*time.Minute || got > time.Hour {
		t.Errorf("%s without a Date header", got)
	}
}

func TestRecorder(t *testing.T) {
	for want, h := range map[int]http.HandlerFunc{
		200: func(http.ResponseWriter, *http.Request) {},
		404: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); w.WriteHeader(500) },
	} {
		var r httpclient.Recorder
		h(&r, nil)
		if r.Status() != want {
			t.Errorf("status %d, want %d", r.Status(), want)
		}
	}
	var r httpclient.Recorder
	http.Error(&r, "no", http.StatusTeapot)
	if r.Status() != http.StatusTeapot || r.Body.String() != "no\n" || r.Header().Get("Content-Type") == "" {
		t.Errorf("%d %q %v", r.Status(), r.Body.String(), r.Header())
	}
}
