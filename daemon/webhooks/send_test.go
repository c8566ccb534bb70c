package webhooks_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/keyseat/keyseat/daemon/webhooks"
)

// TestSendSigns verifies the signature with each of the two secrets, and checks that another secret does
// not verify it.
func TestSendSigns(t *testing.T) {
	var header http.Header
	var body []byte
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.URL.RequestURI() != "/x?token=t" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
	}))
	defer receiver.Close()
	if a := webhooks.Send(t.Context(), webhooks.Client(webhooks.Policy{Private: true}), endpoint(receiver.URL+"/x?token=t"), event()); !a.OK() {
		t.Fatal(a)
	}
	for text, valid := range map[string]bool{secret: true, older: true, "whsec_" + strings.Repeat("A", 32): false} {
		hook, err := standard.NewWebhook(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := hook.Verify(body, header); (err == nil) != valid {
			t.Errorf("verified: %v", err)
		}
		if err := hook.Verify(append(body, ' '), header); err == nil {
			t.Error("a forged body is valid")
		}
	}
	if header.Get("Content-Type") != "application/json; charset=utf-8" || header.Get("Webhook-Id") != event().ID {
		t.Errorf("headers: %v", header)
	}
}

func TestResponses(t *testing.T) {
	clock := time.Now().Add(-time.Hour).UTC() // the receiver's clock, by which it sends a date
	header := http.Header{"Date": {clock.Format(http.TimeFormat)}}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, strings.Repeat("canary", 100_000))
	}))
	client := webhooks.Client(webhooks.Policy{Private: true})
	soon := clock.Add(90 * time.Second).Format(http.TimeFormat)
	for text, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-5": 0, "soon": 0, soon: 90 * time.Second,
		"Mon, 02 Jan 2006 15:04:05 GMT": 0,
	} {
		header.Set("Retry-After", text)
		a := webhooks.Send(t.Context(), client, endpoint(receiver.URL), event())
		if a.RetryAfter != want || a.Status != 503 || strings.Contains(fmt.Sprint(a), "canary") {
			t.Errorf("Retry-After: %s: %+v", text, a)
		}
	}
	receiver.Close()
	a := webhooks.Send(t.Context(), client, endpoint(receiver.URL+"/canary"), event())
	if a.Status != 0 || a.Note == "" || strings.Contains(a.Note, "canary") {
		t.Errorf("of a receiver that is away: %+v", a)
	}
}

// TestTimeout has a receiver that answers too late. The effect is then not known, so the event is sent again.
func TestTimeout(t *testing.T) {
	hang := make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer receiver.Close()
	defer close(hang)
	client := webhooks.Client(webhooks.Policy{Private: true})
	client.Timeout = 30 * time.Millisecond
	if a := webhooks.Send(t.Context(), client, endpoint(receiver.URL+"/canary"), event()); a.Status != 0 || !strings.HasPrefix(a.Note, "no answer within") {
		t.Errorf("got %+v", a)
	}
}
