package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestWebhooksTest checks that an endpoint gets an example of each event that it receives, and no other one.
func TestWebhooksTest(t *testing.T) {
	sh := shell{T: t, dir: t.TempDir()}
	status, got := http.StatusOK, []string{}
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var event struct {
			Type string
			Test bool
			Data map[string]any
		}
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil || !event.Test || len(event.Data) == 0 || r.Header.Get("Webhook-Signature") == "" {
			t.Errorf("%+v, %v", event, err)
		}
		got = append(got, event.Type)
		w.WriteHeader(status)
	}))
	defer endpoint.Close()
	file := sh.file("hooks.json", fmt.Sprintf(`[{"name": "shop", "url": %q, "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
		"events": ["key.revoked", "task.finished", "stock.low"], "stock_low": {"US": 5}}]`, endpoint.URL))
	args := []string{"webhooks", "test", "shop", "--webhook-file", file, "--webhook-private", "--webhook-plaintext"}
	out := sh.ok(args...)
	if strings.Join(got, " ") != "task.finished key.revoked stock.low" || strings.Count(out, "the endpoint has answered 200 after") != 3 {
		t.Errorf("%q\n%s", got, out)
	}
	status = http.StatusBadGateway
	sh.fails(exitFailed, "task.finished: the endpoint answered with status 502", "", args...)
}
