package httpclient_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/internal/httpclient"
)

// A transport reports its events and fails, or blocks until the request is cancelled.
type transport struct {
	events []string
	blocks bool
}

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	for _, event := range f.events {
		switch trace := httptrace.ContextClientTrace(r.Context()); event {
		case "get":
			trace.GetConn(r.Host)
		case "got":
			trace.GotConn(httptrace.GotConnInfo{})
		case "wrote":
			trace.WroteHeaderField("Host", []string{r.Host})
		}
	}
	if f.blocks {
		<-r.Context().Done()
	}
	return nil, errors.New("failed")
}

// TestMaybeSent checks each line of the table of [httpclient.Trace]. It cancels a request in both ways: by its context and
// by the timeout of the client.
func TestMaybeSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			transport
			want bool
		}{
			{transport{events: []string{"get"}}, false},
			{transport{events: []string{"get"}, blocks: true}, false},
			{transport{events: []string{"get", "got"}}, false},
			{transport{events: []string{"get", "got"}, blocks: true}, true},
			{transport{events: []string{"get", "got", "wrote"}}, true},
			{transport{}, true},
		} {
			for _, timeout := range []time.Duration{0, time.Second} {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				ctx, trace := httpclient.WithTrace(ctx)
				if trace.MaybeSent() {
					t.Error("maybe sent before the first attempt")
				}
				request, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://service.example", nil)
				client := http.Client{Transport: httpclient.Transport{RoundTripper: c.transport}, Timeout: timeout}
				if response, err := client.Do(request); err == nil {
					_ = response.Body.Close()
				}
				if got := trace.MaybeSent(); got != c.want {
					t.Errorf("%+v, timeout %s: maybe sent: %v", c.transport, timeout, got)
				}
				if trace.Reset(); trace.MaybeSent() {
					t.Error("maybe sent after a reset")
				}
			}
		}
	})
}
