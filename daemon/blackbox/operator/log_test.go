package operator_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// expectOneLine checks that a message has one line above the level debug, and returns the line.
func expectOneLine(d *harness.Daemon, message string) map[string]any {
	d.Helper()
	shown, _ := d.Logs.Lines(message)
	if len(shown) != 1 {
		d.Fatalf("%d lines say %q, want one: %v", len(shown), message, shown)
	}
	return shown[0]
}

// TestRefusedClientsAreLoggedOnce checks that the log has one line for many refused requests with the same cause.
func TestRefusedClientsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	o, file := s.ServeAdmin("--unknown-key-limit=3", "--trusted-proxies=127.0.0.1")
	for range 100 {
		o.GetFrom("198.51.100.1", "info=nobody")
		o.GetFrom("198.51.100.2", "info=nobody")
	}
	s.Eventually("the other 192 are logged at debug", func() bool { _, debug := o.Logs.Lines("client refused"); return debug == 2*96 })
	if first, _ := o.Logs.Lines("client refused"); len(first) != 2 || first[0]["client"] != "198.51.100.1" {
		t.Errorf("%v", first)
	}
	for range 100 {
		if a, err := o.Send(http.MethodPost, o.AdminURL+"/admin/v1/keys", "", nil); err != nil || a.Code != 401 {
			t.Fatal(a.Code, err)
		}
	}
	if line := expectOneLine(o.Daemon, "admin"); line["code"] != 401.0 || line["level"] != "warn" || line["error"] == nil {
		t.Errorf("of 401: %v", line)
	}
	lines, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(lines, "no token\n"...), 0o600); err != nil { // a file with this line is invalid
		t.Fatal(err)
	}
	for range 100 {
		expectTokenStatus(o.Daemon, 503, http.MethodPost, o.AdminURL+"/admin/v1/keys", "")
		expectTokenStatus(o.Daemon, 503, http.MethodPost, o.AdminURL+"/console/signin", "token=x")
	}
	if shown, _ := o.Logs.Lines("admin"); len(shown) != 2 || shown[1]["code"] != 503.0 {
		t.Errorf("of 503: %v", shown)
	}
	if line := expectOneLine(o.Daemon, "console"); line["level"] != "error" {
		t.Errorf("of the console: %v", line)
	}
	o.Stop()
	if all, _ := o.Logs.Lines("client refused"); len(all) != 4 || all[2]["repeated"] != 96.0 || all[3]["repeated"] != 96.0 {
		t.Errorf("at the end: %v", all)
	}
}

// expectTokenStatus sends a request with an unknown token, and checks the status of the response.
func expectTokenStatus(d *harness.Daemon, want int, method, url, form string) {
	d.Helper()
	a, err := d.Send(method, url, form, harness.Headers("Authorization", "Bearer x", "Content-Type", harness.FormType))
	if err != nil || a.Code != want {
		d.Fatalf("%s: %d %v, want %d", url, a.Code, err, want)
	}
}

// TestDatabaseFailureIsLoggedOnce checks that the log has one line for each kind of failure during a database outage,
// and one for the end of the outage.
func TestDatabaseFailureIsLoggedOnce(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t, pgtest.Options{})
	s := harness.NewPostgresShop(t, cluster.URL(t))
	s.AddKeys("K")
	h := newReceiver(s, "")
	d := h.serveWithEndpoint()
	cluster.Kill(t)
	for range 20 {
		d.Expect(d.Get("info=K"), 503, harness.Unavailable)
		if d.ReadyStatus() != 503 {
			t.Error("it is ready")
		}
		if _, err := d.Send(http.MethodGet, d.AdminURL+"/metrics", "", nil); err != nil {
			t.Error(err)
		}
	}
	for _, what := range []string{"cannot lease tasks", "cannot route webhooks"} {
		s.Eventually(what+" three times", func() bool { _, debug := d.Logs.Lines(what); return debug >= 2 })
	}
	cluster.Restart(t)
	s.Eventually("it is ready", func() bool { return d.ReadyStatus() == 200 })
	works := func(what string) bool {
		again, _ := d.Logs.Lines("works again")
		for _, line := range again {
			if line["failure"] == what && line["duration"] != nil {
				return true
			}
		}
		return false
	}
	for _, what := range []string{"cannot lease tasks", "cannot route webhooks", "not ready"} {
		s.Eventually(what+" no longer", func() bool { return works(what) })
		if line := expectOneLine(d, what); line["error"] == nil || line["problem"] != nil {
			t.Errorf("%v", line)
		}
	}
	answered, debug := d.Logs.Lines("answered")
	reasons := map[any]bool{}
	for _, line := range answered {
		reasons[line["error"]] = true
	}
	if len(answered) != len(reasons) || len(answered) == 0 || debug == 0 {
		t.Errorf("%d lines of failed requests, %d reasons", len(answered), len(reasons))
	}
	metrics, _ := d.Logs.Lines("cannot read for metrics")
	if len(metrics) != 2 { // the queue and the stock
		t.Errorf("of metrics: %v", metrics)
	}
	d.Stop()
}

// TestFailedAttemptsAreLoggedOnce checks that the log has one line for each kind of failed attempt, and that the line
// says what was wrong with the response. A task that is still in progress has no line.
func TestFailedAttemptsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.AddKeys("A", "B", "C")
	s.ImportPlans("p,US,9,,")
	d := s.Serve("--task-attempts=5", "--task-deadline=1m")
	d.MustAccept(harness.Upgrade("A", "html+html+html+success@example.com", "US"))
	d.MustAccept(harness.Upgrade("B", "html+html+html+success@example.com", "US"))
	d.MustAccept(harness.Upgrade("C", "202+202+202+success@example.com", "US"))
	for _, code := range []string{"A", "B", "C"} {
		d.ExpectEnd(code, "success", "")
	}
	line := expectOneLine(d, "attempt failed, the task stays open")
	if note, _ := line["note"].(string); line["level"] != "warn" || !strings.Contains(note, "not JSON: it begins with <") {
		t.Errorf("%v", line)
	}
	if shown, debug := d.Logs.Lines("the provider is still at work"); len(shown) != 0 || debug != 3 {
		t.Errorf("%d lines at debug, and %v", debug, shown)
	}
	if ended, _ := d.Logs.Lines("ended"); len(ended) != 3 {
		t.Errorf("ended: %v", ended)
	}
}

// TestFailedWebhooksAreLoggedOnce checks that the log has one line for an endpoint that fails many times.
func TestFailedWebhooksAreLoggedOnce(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	s.AddKeys("A", "B", "C")
	h := newReceiver(s, "")
	h.respondWith(func(int, received) (int, string) { return 500, "" })
	d := h.serveWithEndpoint()
	for _, code := range []string{"A", "B", "C"} {
		s.MustExec("keys", "revoke", code)
	}
	const message = "webhook failed, it is tried again"
	s.Eventually("it has failed five times", func() bool { _, debug := d.Logs.Lines(message); return debug >= 4 })
	if line := expectOneLine(d, message); line["level"] != "warn" || line["status"] != 500.0 {
		t.Errorf("%v", line)
	}
}
