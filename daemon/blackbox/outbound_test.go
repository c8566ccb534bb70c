package blackbox_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// An outboundProxy proxy notes for whom it was asked, and answers for them.
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
		_, _ = w.Write([]byte(`{"outcome":"success"}`)) // a client that has left is no concern
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *outboundProxy) received(host string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Contains(o.hosts, host)
}

// writeEndpoint writes a file with an endpoint of that URL.
func (s *Shop) writeEndpoint(url string) string {
	s.Helper()
	return s.WriteSecret("hooks.json", "\ufeff"+`[{"name": "shop", "url": "`+url+`", "secrets": ["`+hookSecret+`"]}]`)
}

// TestOutboundProxy holds that webhooks and the connector obey the variables of a proxy alike, that one flag
// makes both ignore them, and that a proxy does not lead webhooks to private addresses.
func TestOutboundProxy(t *testing.T) {
	t.Parallel()
	o := newOutboundProxy(t)
	s := NewSQLiteShop(t)
	s.Env = []string{"HTTP_PROXY=" + o.URL, "HTTPS_PROXY=" + strings.Replace(o.URL, "//", "//user:hunter2@", 1), "NO_PROXY=direct.invalid"}
	for _, c := range []struct{ url, flags, want, asked string }{
		{"http://93.184.215.14/", "", "answered 200", "POST 93.184.215.14"}, // public, and it is the proxy that answers
		{"http://hooks.invalid/", "--webhook-private", "answered 200", "POST hooks.invalid"},
		{"https://secure.invalid/", "--webhook-private", "", "CONNECT secure.invalid:443"},
		{"http://hooks.invalid/", "", "--webhook-private leaves that to the proxy", ""},
		{"http://10.1.2.3/", "", "the address is not public", ""},
		{"http://[fd00::1]/", "", "the address is not public", ""},
		{"http://direct.invalid/", "--webhook-private", "no such host", ""},
		{"http://other.invalid/", "--webhook-private --outbound-proxy=off", "no such host", ""},
		{"http://10.1.2.3/", "--outbound-proxy=off", "the address is not public", ""},
	} {
		args := append([]string{"webhooks", "test", "shop", "--webhook-plaintext", "--webhook-file", s.writeEndpoint(c.url)}, strings.Fields(c.flags)...)
		r := s.Exec(args...)
		if !strings.Contains(r.Out+r.Err, c.want) || strings.Contains(r.Out+r.Err, "hunter2") {
			t.Errorf("%s %s: %s%s", c.url, c.flags, r.Out, r.Err)
		}
		if c.asked != "" && !o.received(c.asked) {
			t.Errorf("%s: the proxy was not asked: %v", c.url, o.hosts)
		}
	}
	for _, host := range []string{"POST direct.invalid", "POST other.invalid", "POST 10.1.2.3", "POST [fd00::1]"} {
		if o.received(host) {
			t.Errorf("the proxy was asked: %s", host)
		}
	}
	s.AddKeys("K", "L")
	s.ImportPlans("p,US,5,,")
	d := s.Serve("--connector=http://provider.invalid", "--connector-plaintext")
	d.MustAccept(Upgrade("K", "any@example.com", "US"))
	d.ExpectEnd("K", "success", "")
	d.Stop()
	if !o.received("POST provider.invalid") {
		t.Errorf("the proxy was not asked for the connector: %v", o.hosts)
	}
	d = s.Serve("--connector=http://provider.invalid", "--connector-plaintext", "--outbound-proxy=off", "--task-attempts=1")
	d.MustAccept(Upgrade("L", "any@example.com", "US"))
	d.ExpectEnd("L", "failed_upgrade", Messages["system_error"])
	d.Stop()
}
