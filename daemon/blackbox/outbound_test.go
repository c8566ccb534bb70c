package blackbox_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// An outbound proxy notes for whom it was asked, and answers for them.
type outbound struct {
	*httptest.Server
	mu    sync.Mutex
	hosts []string
}

func newOutbound(t *testing.T) *outbound {
	o := &outbound{}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.hosts = append(o.hosts, r.Method+" "+r.Host)
		_, _ = w.Write([]byte(`{"outcome":"success"}`)) // a client that has left is no concern
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *outbound) asked(host string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Contains(o.hosts, host)
}

// endpoint writes a file with an endpoint of that URL.
func (s *shop) endpoint(url string) string {
	s.Helper()
	return s.write("hooks.json", "\ufeff"+`[{"name": "shop", "url": "`+url+`", "secrets": ["`+hookSecret+`"]}]`)
}

// TestOutboundProxy holds that webhooks and the connector obey the variables of a proxy alike, that one flag
// makes both ignore them, and that a proxy does not lead webhooks to private addresses.
func TestOutboundProxy(t *testing.T) {
	t.Parallel()
	o := newOutbound(t)
	s := onSQLite(t)
	s.env = []string{"HTTP_PROXY=" + o.URL, "HTTPS_PROXY=" + strings.Replace(o.URL, "//", "//user:hunter2@", 1), "NO_PROXY=direct.invalid"}
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
		args := append([]string{"webhooks", "test", "shop", "--webhook-plaintext", "--webhook-file", s.endpoint(c.url)}, strings.Fields(c.flags)...)
		r := s.cli(args...)
		if !strings.Contains(r.out+r.err, c.want) || strings.Contains(r.out+r.err, "hunter2") {
			t.Errorf("%s %s: %s%s", c.url, c.flags, r.out, r.err)
		}
		if c.asked != "" && !o.asked(c.asked) {
			t.Errorf("%s: the proxy was not asked: %v", c.url, o.hosts)
		}
	}
	for _, host := range []string{"POST direct.invalid", "POST other.invalid", "POST 10.1.2.3", "POST [fd00::1]"} {
		if o.asked(host) {
			t.Errorf("the proxy was asked: %s", host)
		}
	}
	s.fresh("K", "L")
	s.importPlans("p,US,5,,")
	d := s.serve("--connector=http://provider.invalid", "--connector-plaintext")
	d.accepted(upgrade("K", "any@example.com", "US"))
	d.endsAs("K", "success", "")
	d.stop()
	if !o.asked("POST provider.invalid") {
		t.Errorf("the proxy was not asked for the connector: %v", o.hosts)
	}
	d = s.serve("--connector=http://provider.invalid", "--connector-plaintext", "--outbound-proxy=off", "--task-attempts=1")
	d.accepted(upgrade("L", "any@example.com", "US"))
	d.endsAs("L", "failed_upgrade", messages["system_error"])
	d.stop()
}
