package webhooks_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/keyseat/keyseat/daemon/webhooks"
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
func event() webhooks.Event { return webhooks.Events(line(1, tasks.EventRevoked, "", ""))[0] }

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
