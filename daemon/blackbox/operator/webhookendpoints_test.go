package operator_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestWebhook410DisablesEndpoint checks that an endpoint that answers 410 gets no more calls until an operator resumes
// it.
func TestWebhook410DisablesEndpoint(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		h := newReceiver(s, "")
		d := h.serveWithEndpoint()
		h.respondWith(func(int, received) (int, string) { return http.StatusGone, "" })
		generateKeys(s, 1)
		s.Eventually("gone", func() bool { return endpoints(s)[0].State == "gone" })
		h.respondWith(nil)
		generateKeys(s, 2)
		s.Eventually("kept", func() bool { return endpoints(s)[0].Waiting == 3 })
		if n := len(h.calls(0)); n != 1 {
			s.Errorf("called %d times", n)
		}
		s.MustExec("webhooks", "resume", "shop")
		s.Eventually("all events are delivered", func() bool { return len(h.deliveredTypes()) == 3 && endpoints(s)[0].Waiting == 0 })
		if r := s.Exec("webhooks", "resume", "nobody"); r.Code != 1 || strings.Count(r.Err, "\n") != 1 {
			s.Errorf("resumed nobody: %+v", r)
		}
		if err := os.WriteFile(h.file, []byte("[]"), 0o600); err != nil {
			s.Fatal(err)
		}
		d.Stop()
		d = s.Serve(h.flags()...)
		s.MustExec("webhooks", "forget", "shop")
		generateKeys(s, 1)
		h.configure("")
		s.Eventually("enlisted anew", func() bool { return len(endpoints(s)) == 1 })
		if r := s.Exec("webhooks", "forget", "nobody"); r.Code != 1 {
			s.Errorf("forgot nobody: %+v", r)
		}
		d.Stop()
		if n := len(h.deliveredTypes()); n != 3 {
			s.Errorf("events of %d keys were delivered, the last without an endpoint", n)
		}
	})
}

// TestWebhooksAvoidPrivateAddresses checks that calls of private addresses need a flag.
func TestWebhooksAvoidPrivateAddresses(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		h := newReceiver(s, "")
		_, port, _ := net.SplitHostPort(h.address)
		h.address = "localhost:" + port
		h.configure("")
		d := s.Serve("--webhook-file", h.file, "--webhook-plaintext", "--webhook-backoff", "20ms")
		s.Eventually("enlisted", func() bool { return len(endpoints(s)) == 1 })
		generateKeys(s, 1)
		s.Eventually("refused", func() bool {
			return slices.ContainsFunc(deliveries(s), func(d delivery) bool { return strings.Contains(d.Note, "--webhook-private") })
		})
		if r := s.Exec("webhooks", "test", "shop", "--webhook-file", h.file, "--webhook-plaintext"); r.Code != 1 || !strings.Contains(r.Err, "private") {
			s.Errorf("a test: %+v", r)
		}
		if n := len(h.calls(0)); n != 0 {
			s.Fatalf("called %d times", n)
		}
		d.Stop()
		h.serveWithEndpoint()
		s.Eventually("delivered", func() bool { return len(h.deliveredTypes()) == 1 })
		if r := s.Exec("webhooks", "test", "shop", "--webhook-file", h.file, "--webhook-plaintext", "--webhook-private"); r.Code != 0 {
			s.Errorf("a test: %+v", r)
		}
		if all := h.calls(http.StatusOK); !strings.Contains(all[len(all)-1].body, `"test":true`) {
			s.Errorf("the last is %+v", all[len(all)-1])
		}
	})
}

// TestWebhookFileIsReloaded checks that a running daemon follows changes of the file of endpoints, and keeps the
// previous endpoints while the file is invalid. A daemon does not start with an invalid file.
func TestWebhookFileIsReloaded(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		h := newReceiver(s, "")
		if err := os.WriteFile(h.file, []byte("[]"), 0o600); err != nil {
			s.Fatal(err)
		}
		d := s.Serve(h.flags()...)
		generateKeys(s, 1)
		h.configure("")
		s.Eventually("enlisted", func() bool { return len(endpoints(s)) == 1 })
		if err := os.WriteFile(h.file, []byte(`[{"canary": `), 0o600); err != nil {
			s.Fatal(err)
		}
		s.Eventually("the fault is logged", func() bool { return d.Logs.Find("cannot read the endpoints of webhooks") != nil })
		generateKeys(s, 1)
		s.Eventually("delivered", func() bool { return len(h.deliveredTypes()) == 1 })
		if !s.IsSQLite() {
			s.KeyFile = ""
		}
		if r := s.Exec("serve", "--connector", "sim", "--webhook-file", h.file); r.Code == 0 || strings.Contains(r.Err, "canary") {
			s.Errorf("served: %+v", r)
		}
	})
}

// An outboundProxy records the hosts that clients request, and answers in their place.
type outboundProxy struct {
	*httptest.Server
	mu    sync.Mutex
	hosts []string
}

func newOutboundProxy(t *testing.T) *outboundProxy {
	o := &outboundProxy{}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.hosts = append(o.hosts, r.Method+" "+r.Host)
		_, _ = w.Write([]byte(`{"outcome":"success"}`)) // ignore a client that has disconnected
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *outboundProxy) received(host string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Contains(o.hosts, host)
}

// writeEndpoint writes a file with one endpoint, and returns its path.
func writeEndpoint(s *harness.Shop, url string) string {
	s.Helper()
	return writeSecret(s, "hooks.json", "\ufeff"+`[{"name": "shop", "url": "`+url+`", "secrets": ["`+hookSecret+`"]}]`)
}

// writeSecret writes a file that contains a secret, and returns its path.
func writeSecret(s *harness.Shop, name, text string) string {
	s.Helper()
	path := filepath.Join(s.Folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	return path
}

// TestOutboundProxy checks that webhooks and the connector use the HTTP proxy that the environment names, and that one
// flag switches the proxy off. Webhooks do not reach private addresses through a proxy either.
func TestOutboundProxy(t *testing.T) {
	t.Parallel()
	o := newOutboundProxy(t)
	s := harness.NewSQLiteShop(t)
	s.Env = []string{"HTTP_PROXY=" + o.URL, "HTTPS_PROXY=" + strings.Replace(o.URL, "//", "//user:hunter2@", 1), "NO_PROXY=direct.invalid"}
	for _, c := range []struct{ url, flags, want, request string }{
		{"http://93.184.215.14/", "", "answered 200", "POST 93.184.215.14"}, // a public address; the proxy answers
		{"http://hooks.invalid/", "--webhook-private", "answered 200", "POST hooks.invalid"},
		{"https://secure.invalid/", "--webhook-private", "", "CONNECT secure.invalid:443"},
		{"http://hooks.invalid/", "", "--webhook-private leaves that to the proxy", ""},
		{"http://10.1.2.3/", "", "the address is not public", ""},
		{"http://[fd00::1]/", "", "the address is not public", ""},
		{"http://direct.invalid/", "--webhook-private", "no such host", ""},
		{"http://other.invalid/", "--webhook-private --outbound-proxy=off", "no such host", ""},
		{"http://10.1.2.3/", "--outbound-proxy=off", "the address is not public", ""},
	} {
		args := append([]string{"webhooks", "test", "shop", "--webhook-plaintext", "--webhook-file", writeEndpoint(s, c.url)}, strings.Fields(c.flags)...)
		r := s.Exec(args...)
		if !strings.Contains(r.Out+r.Err, c.want) || strings.Contains(r.Out+r.Err, "hunter2") {
			t.Errorf("%s %s: %s%s", c.url, c.flags, r.Out, r.Err)
		}
		if c.request != "" && !o.received(c.request) {
			t.Errorf("%s: the proxy got no request: %v", c.url, o.hosts)
		}
	}
	for _, host := range []string{"POST direct.invalid", "POST other.invalid", "POST 10.1.2.3", "POST [fd00::1]"} {
		if o.received(host) {
			t.Errorf("the proxy got a request: %s", host)
		}
	}
	s.AddKeys("K", "L")
	s.ImportPlans("p,US,5,,")
	d := s.Serve("--connector=http://provider.invalid", "--connector-plaintext")
	d.MustAccept(harness.Upgrade("K", "any@example.com", "US"))
	d.ExpectEnd("K", "success", "")
	d.Stop()
	if !o.received("POST provider.invalid") {
		t.Errorf("the proxy got no request of the connector: %v", o.hosts)
	}
	d = s.Serve("--connector=http://provider.invalid", "--connector-plaintext", "--outbound-proxy=off", "--task-attempts=1")
	d.MustAccept(harness.Upgrade("L", "any@example.com", "US"))
	d.ExpectEnd("L", "failed_upgrade", harness.Messages["system_error"])
	d.Stop()
}
