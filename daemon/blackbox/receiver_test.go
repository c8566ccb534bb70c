package blackbox_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// hookSecret signs in these tests.
const hookSecret = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTEyMzQ="

// A hooked is a receiver of webhooks, which verifies each and keeps it.
type hooked struct {
	*shop
	address string
	server  *httptest.Server
	file    string

	mu    sync.Mutex
	calls []hookCall
	says  func(n int, c hookCall) (status int, header string) // nil: 200; n counts the calls from 1
}

// A hookCall is a webhook as it came in.
type hookCall struct {
	id, body string
	Type     string
	At       string `json:"timestamp"`
	Data     hookData
	status   int
}

// hookData is what any of them carries.
type hookData struct{ Key, Task, Outcome, Plan, Fault, Country, Batch string }

// hook makes a receiver that is up, and a file of endpoints with it.
func (s *shop) hook(fields string) *hooked {
	s.Helper()
	h := &hooked{shop: s, file: filepath.Join(s.TempDir(), "hooks.json")}
	h.up()
	h.configure(fields)
	return h
}

// configure writes the file.
func (h *hooked) configure(fields string) {
	h.Helper()
	text := `[{"name": "shop", "url": "http://` + h.address + `/hook?token=canary", "secrets": ["` + hookSecret + `"]` + fields + `}]`
	if err := os.WriteFile(h.file, []byte(text), 0o600); err != nil {
		h.Fatal(err)
	}
}

// up makes it answer, where it did before.
func (h *hooked) up() {
	h.Helper()
	on := "127.0.0.1:0"
	if h.address != "" {
		on = h.address
	}
	l, err := new(net.ListenConfig).Listen(h.Context(), "tcp", on)
	if err != nil {
		h.Fatal(err)
	}
	h.address = l.Addr().String()
	h.server = &httptest.Server{Listener: l, Config: &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}}
	h.server.Start()
	h.Cleanup(h.server.Close)
}

// down makes connections be refused.
func (h *hooked) down() { h.server.Close() }

// say sets what is answered from now on.
func (h *hooked) say(says func(n int, c hookCall) (int, string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.says = says
}

func (h *hooked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the daemon was killed
	}
	c := hookCall{id: r.Header.Get("webhook-id"), body: string(body)}
	hook, err := standard.NewWebhook(hookSecret)
	if err == nil {
		err = hook.Verify(body, r.Header)
	}
	if err == nil {
		err = json.Unmarshal(body, &c)
	}
	if err != nil || r.Method != http.MethodPost {
		h.Errorf("a webhook that is none: %s %v %s", r.Method, err, body)
	}
	h.mu.Lock()
	says, n := h.says, len(h.calls)+1
	h.mu.Unlock()
	header := ""
	if c.status = http.StatusOK; says != nil {
		c.status, header = says(n, c)
	}
	h.mu.Lock()
	h.calls = append(h.calls, c)
	h.mu.Unlock()
	if header != "" {
		w.Header().Set("Retry-After", header)
	}
	w.WriteHeader(c.status)
}

// all are the calls that were answered so, 0 for all.
func (h *hooked) all(status int) (all []hookCall) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.calls {
		if status == 0 || c.status == status {
			all = append(all, c)
		}
	}
	return all
}

// took are the types that were answered with 200, by key or country, each event once.
func (h *hooked) took() map[string][]string {
	seen, by := map[string]bool{}, map[string][]string{}
	for _, c := range h.all(http.StatusOK) {
		if about := c.Data.Key + c.Data.Country; !seen[c.id] && about != "" {
			by[about] = append(by[about], strings.TrimSuffix(c.Type+" "+c.Data.Outcome, " "))
		}
		seen[c.id] = true
	}
	return by
}

// hookFlags make a daemon call the receiver.
func (h *hooked) hookFlags(flags ...string) []string {
	return append([]string{"--webhook-file=" + h.file, "--webhook-private", "--webhook-plaintext", "--webhook-backoff=20ms"}, flags...)
}

// serves starts a daemon and waits until it has enlisted the endpoint.
func (h *hooked) serves(flags ...string) *daemon {
	h.Helper()
	d := h.serve(h.hookFlags(flags...)...)
	h.until("enlisted", func() bool { return len(h.endpoints()) == 1 })
	return d
}

// An enlisted is a line of webhooks list.
type enlisted struct {
	Endpoint, State string
	Waiting         int
}

func (s *shop) endpoints() (all []enlisted) {
	s.Helper()
	s.list(&all, "webhooks", "list")
	return all
}

// A delivery is a line of webhooks deliveries.
type delivery struct {
	Endpoint, Event, Type, About, Result, Note string
	Try, Status                                int
}

func (s *shop) deliveries(args ...string) (all []delivery) {
	s.Helper()
	s.list(&all, append([]string{"webhooks", "deliveries", "--count", "0"}, args...)...)
	return all
}

// issue makes keys, and gives them as the shop would sell them.
func (s *shop) issue(n int) []string {
	s.Helper()
	return strings.Fields(s.must("keys", "generate", "--count", fmt.Sprint(n)))
}

// issueOne makes a key, and finds out what the webhooks call it.
func (h *hooked) issueOne() (code, about string) {
	h.Helper()
	before := h.took()
	code = h.issue(1)[0]
	h.until("issued", func() bool {
		for key, told := range h.took() {
			if before[key] == nil && told[0] == "key.issued" {
				about = key
			}
		}
		return about != ""
	})
	return code, about
}
