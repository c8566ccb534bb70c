package operator_test

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

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// hookSecret signs the webhooks of these tests.
const hookSecret = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTEyMzQ="

// A receiver receives webhooks, verifies them and keeps them.
type receiver struct {
	*harness.Shop
	address string
	server  *httptest.Server
	file    string

	mu      sync.Mutex
	log     []received
	respond func(n int, c received) (status int, header string) // responds to call number n, counted from 1; nil: with 200
}

// A received is a webhook that has arrived.
type received struct {
	id, body string
	Type     string
	At       string `json:"timestamp"`
	Data     eventData
	status   int
}

// eventData is the data of any event.
type eventData struct{ Key, Task, Outcome, Plan, Fault, Country, Batch string }

// newReceiver starts a receiver, and writes a file of endpoints with the receiver as the only endpoint. The text fields
// has further JSON fields of the endpoint.
func newReceiver(s *harness.Shop, fields string) *receiver {
	s.Helper()
	h := &receiver{Shop: s, file: filepath.Join(s.TempDir(), "hooks.json")}
	h.listen()
	h.configure(fields)
	return h
}

// configure writes the file of endpoints.
func (h *receiver) configure(fields string) {
	h.Helper()
	text := `[{"name": "shop", "url": "http://` + h.address + `/hook?token=canary", "secrets": ["` + hookSecret + `"]` + fields + `}]`
	if err := os.WriteFile(h.file, []byte(text), 0o600); err != nil {
		h.Fatal(err)
	}
}

// listen starts the HTTP server of the receiver, at the same address as before.
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

// close makes the receiver refuse connections.
func (h *receiver) close() { h.server.Close() }

// respondWith sets the response to later calls.
func (h *receiver) respondWith(respond func(n int, c received) (int, string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.respond = respond
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
		h.Errorf("not a webhook: %s %v %s", r.Method, err, body)
	}
	h.mu.Lock()
	respond, n := h.respond, len(h.log)+1
	h.mu.Unlock()
	header := ""
	if c.status = http.StatusOK; respond != nil {
		c.status, header = respond(n, c)
	}
	h.mu.Lock()
	h.log = append(h.log, c)
	h.mu.Unlock()
	if header != "" {
		w.Header().Set("Retry-After", header)
	}
	w.WriteHeader(c.status)
}

// calls returns the calls that were answered with a status, or all for 0.
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

// deliveredTypes returns the types of the events that were answered with 200, by key or country. Each event counts
// once.
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

// flags returns flags that make a daemon call the receiver.
func (h *receiver) flags(flags ...string) []string {
	return append([]string{"--webhook-file=" + h.file, "--webhook-private", "--webhook-plaintext", "--webhook-backoff=20ms"}, flags...)
}

// serveWithEndpoint starts a daemon and waits until it has subscribed the endpoint.
func (h *receiver) serveWithEndpoint(flags ...string) *harness.Daemon {
	h.Helper()
	d := h.Serve(h.flags(flags...)...)
	h.Eventually("enlisted", func() bool { return len(endpoints(h.Shop)) == 1 })
	return d
}

// An endpointState is an entry of webhooks list.
type endpointState struct {
	Endpoint, State string
	Waiting         int
}

func endpoints(s *harness.Shop) (all []endpointState) {
	s.Helper()
	s.ExecJSON(&all, "webhooks", "list")
	return all
}

// A delivery is an entry of webhooks deliveries.
type delivery struct {
	Endpoint, Event, Type, About, Result, Note string
	Try, Status                                int
}

func deliveries(s *harness.Shop, args ...string) (all []delivery) {
	s.Helper()
	s.ExecJSON(&all, append([]string{"webhooks", "deliveries", "--count", "0"}, args...)...)
	return all
}

// generateKeys makes keys, and returns their codes.
func generateKeys(s *harness.Shop, n int) []string {
	s.Helper()
	return strings.Fields(s.MustExec("keys", "generate", "--count", fmt.Sprint(n)))
}

// generateKey makes a key, and returns its code and its name in webhooks.
func (h *receiver) generateKey() (code, about string) {
	h.Helper()
	before := h.deliveredTypes()
	code = generateKeys(h.Shop, 1)[0]
	h.Eventually("issued", func() bool {
		for key, types := range h.deliveredTypes() {
			if before[key] == nil && types[0] == "key.issued" {
				about = key
			}
		}
		return about != ""
	})
	return code, about
}
