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

// A receiver is a receiver of webhooks, which verifies each and keeps it.
type receiver struct {
	*Shop
	address string
	server  *httptest.Server
	file    string

	mu      sync.Mutex
	log     []received
	respond func(n int, c received) (status int, header string) // nil: 200; n counts the calls from 1
}

// A received is a webhook as it came in.
type received struct {
	id, body string
	Type     string
	At       string `json:"timestamp"`
	Data     eventData
	status   int
}

// eventData is what any of them carries.
type eventData struct{ Key, Task, Outcome, Plan, Fault, Country, Batch string }

// newReceiver makes a receiver that is up, and a file of endpoints with it.
func (s *Shop) newReceiver(fields string) *receiver {
	s.Helper()
	h := &receiver{Shop: s, file: filepath.Join(s.TempDir(), "hooks.json")}
	h.listen()
	h.configure(fields)
	return h
}

// configure writes the file.
func (h *receiver) configure(fields string) {
	h.Helper()
	text := `[{"name": "shop", "url": "http://` + h.address + `/hook?token=canary", "secrets": ["` + hookSecret + `"]` + fields + `}]`
	if err := os.WriteFile(h.file, []byte(text), 0o600); err != nil {
		h.Fatal(err)
	}
}

// listen makes it answer, where it did before.
func (h *receiver) listen() {
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

// close makes connections be refused.
func (h *receiver) close() { h.server.Close() }

// respondWith sets what is answered from now on.
func (h *receiver) respondWith(says func(n int, c received) (int, string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.respond = says
}

func (h *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the daemon was killed
	}
	c := received{id: r.Header.Get("webhook-id"), body: string(body)}
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
	says, n := h.respond, len(h.log)+1
	h.mu.Unlock()
	header := ""
	if c.status = http.StatusOK; says != nil {
		c.status, header = says(n, c)
	}
	h.mu.Lock()
	h.log = append(h.log, c)
	h.mu.Unlock()
	if header != "" {
		w.Header().Set("Retry-After", header)
	}
	w.WriteHeader(c.status)
}

// calls are the calls that were answered so, 0 for all.
func (h *receiver) calls(status int) (all []received) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.log {
		if status == 0 || c.status == status {
			all = append(all, c)
		}
	}
	return all
}

// deliveredTypes are the types that were answered with 200, by key or country, each event once.
func (h *receiver) deliveredTypes() map[string][]string {
	seen, by := map[string]bool{}, map[string][]string{}
	for _, c := range h.calls(http.StatusOK) {
		if about := c.Data.Key + c.Data.Country; !seen[c.id] && about != "" {
			by[about] = append(by[about], strings.TrimSuffix(c.Type+" "+c.Data.Outcome, " "))
		}
		seen[c.id] = true
	}
	return by
}

// flags make a daemon call the receiver.
func (h *receiver) flags(flags ...string) []string {
	return append([]string{"--webhook-file=" + h.file, "--webhook-private", "--webhook-plaintext", "--webhook-backoff=20ms"}, flags...)
}

// serveWithEndpoint starts a daemon and waits until it has enlisted the endpoint.
func (h *receiver) serveWithEndpoint(flags ...string) *Daemon {
	h.Helper()
	d := h.Serve(h.flags(flags...)...)
	h.Eventually("enlisted", func() bool { return len(h.endpoints()) == 1 })
	return d
}

// An endpointState is a line of webhooks list.
type endpointState struct {
	Endpoint, State string
	Waiting         int
}

func (s *Shop) endpoints() (all []endpointState) {
	s.Helper()
	s.ExecJSON(&all, "webhooks", "list")
	return all
}

// A delivery is a line of webhooks deliveries.
type delivery struct {
	Endpoint, Event, Type, About, Result, Note string
	Try, Status                                int
}

func (s *Shop) deliveries(args ...string) (all []delivery) {
	s.Helper()
	s.ExecJSON(&all, append([]string{"webhooks", "deliveries", "--count", "0"}, args...)...)
	return all
}

// generateKeys makes keys, and gives them as the shop would sell them.
func (s *Shop) generateKeys(n int) []string {
	s.Helper()
	return strings.Fields(s.MustExec("keys", "generate", "--count", fmt.Sprint(n)))
}

// generateKey makes a key, and finds out what the webhooks call it.
func (h *receiver) generateKey() (code, about string) {
	h.Helper()
	before := h.deliveredTypes()
	code = h.generateKeys(1)[0]
	h.Eventually("issued", func() bool {
		for key, told := range h.deliveredTypes() {
			if before[key] == nil && told[0] == "key.issued" {
				about = key
			}
		}
		return about != ""
	})
	return code, about
}
