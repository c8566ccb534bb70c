package webhooks_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/keyseat/keyseat/daemon/webhooks"
	"github.com/keyseat/keyseat/internal/httpclient"
	"github.com/keyseat/keyseat/tasks"
)

func TestIsPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700:4700::1111": true, "::ffff:8.8.8.8": true, "172.32.0.1": true, "11.0.0.1": true,
		"127.0.0.1": false, "127.9.9.9": false, "::1": false, "0.0.0.0": false, "::": false, "0.1.2.3": false,
		"10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false,
		"169.254.169.254": false, "fe80::1": false, "fe80::1%eth0": false, "fd00:ec2::254": false, "fc00::1": false,
		"100.64.0.1": false, "100.100.100.200": false, "192.0.0.192": false, "168.63.129.16": false,
		"192.0.2.1": false, "198.18.0.1": false, "198.51.100.1": false, "203.0.113.1": false, "192.88.99.1": false,
		"224.0.0.1": false, "239.1.1.1": false, "240.0.0.1": false, "255.255.255.255": false, "ff02::1": false,
		"::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::127.0.0.1": false, "64:ff9b::7f00:1": false,
		"64:ff9b:1::1": false, "2002:7f00:1::": false, "2001::1": false, "2001:db8::1": false, "fec0::1": false, "100::1": false,
	} {
		if got := webhooks.IsPublic(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	if webhooks.IsPublic(netip.Addr{}) {
		t.Error("no address at all is public")
	}
}

// endpoint returns an endpoint with this URL.
func endpoint(url string) webhooks.Endpoint {
	return webhooks.Endpoint{
		Name: "L", URL: tasks.NewSecret(url), Types: webhooks.Types(),
		Secrets: []tasks.Secret{tasks.NewSecret(secret), tasks.NewSecret(older)},
	}
}

// event returns an event for tests of sending.
func event() webhooks.Event {
	return webhooks.Events(historyEntry(1, tasks.EventRevoked, "", ""), webhooks.KeyName{})[0]
}

// TestPrivateAddressesAreNotCalled also calls the receiver by name, because the check applies to the
// address that a name resolves to.
func TestPrivateAddressesAreNotCalled(t *testing.T) {
	var calls atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer receiver.Close()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(receiver.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		to := endpoint("http://" + host + ":" + port + "/canary")
		a := webhooks.Send(t.Context(), webhooks.Client(webhooks.Policy{}), to, event())
		if a.OK() || calls.Load() != 0 || !strings.Contains(a.Note, webhooks.ErrPrivate.Error()) || strings.Contains(a.Note, "canary") {
			t.Errorf("%s: %+v", host, a)
		}
		if a := webhooks.Send(t.Context(), webhooks.Client(webhooks.Policy{Private: true}), to, event()); !a.OK() || calls.Load() != 1 {
			t.Errorf("%s, which is allowed: %+v", host, a)
		}
		calls.Store(0)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var calls atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer receiver.Close()
	a := webhooks.Send(t.Context(), webhooks.Client(webhooks.Policy{Private: true}), endpoint(receiver.URL), event())
	if a.OK() || a.Status != http.StatusTemporaryRedirect || calls.Load() != 1 {
		t.Errorf("got %+v after %d calls", a, calls.Load())
	}
}

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

// TestNoConnection has a client that cannot connect in time. The note must not say that the endpoint did not answer.
func TestNoConnection(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("called") }))
	defer receiver.Close()
	client := &http.Client{Transport: httpclient.NewTransport(&net.Dialer{Timeout: time.Nanosecond}, 1, time.Minute)}
	if a := webhooks.Send(t.Context(), client, endpoint(receiver.URL+"/canary"), event()); a.Status != 0 || a.Note != "dial tcp "+receiver.Listener.Addr().String()+": i/o timeout" {
		t.Errorf("got %+v", a)
	}
}

// TestNoteQuotesNoResponse has a broken endpoint, which repeats the request in its response. The request contains the
// path and the query of the URL, which are secret.
func TestNoteQuotesNoResponse(t *testing.T) {
	for _, before := range []string{"Unknown command ", "Content-Length: "} {
		receiver, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			conn, err := receiver.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(conn)
			line, _ := in.ReadString('\n')
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+before+line+"\r\n\r\n")
			_, _ = io.Copy(io.Discard, in) // until the client closes the connection
			_ = conn.Close()
		}()
		to := endpoint("http://" + receiver.Addr().String() + "/canary?token=canary")
		a := webhooks.Send(t.Context(), webhooks.Client(webhooks.Policy{Private: true}), to, event())
		if a.OK() || a.Note == "" || strings.Contains(a.Note, "canary") {
			t.Errorf("%s: %+v", before, a)
		}
		_ = receiver.Close()
	}
}
