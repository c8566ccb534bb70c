package blackbox_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// lines returns the log's lines with that message. Those at debug are only counted.
func (j *journal) lines(message string) (shown []map[string]any, debug int) {
	for line := range bytes.Lines([]byte(j.String())) {
		var entry map[string]any
		switch {
		case json.Unmarshal(line, &entry) != nil || entry["msg"] != message:
		case entry["level"] == "debug":
			debug++
		default:
			shown = append(shown, entry)
		}
	}
	return shown, debug
}

// oneLine holds that a message has one line above debug, however often its event has happened.
func (d *daemon) oneLine(message string) map[string]any {
	d.Helper()
	shown, _ := d.log.lines(message)
	if len(shown) != 1 {
		d.Fatalf("%d lines say %q, want one: %v", len(shown), message, shown)
	}
	return shown[0]
}

// TestLogOfRefusedClients holds that the log of a daemon does not grow with the requests that it refuses.
func TestLogOfRefusedClients(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	o, file := s.administered("--unknown-key-limit=3", "--trusted-proxies=127.0.0.1")
	for range 100 {
		o.from("198.51.100.1", "info=nobody")
		o.from("198.51.100.2", "info=nobody")
	}
	s.until("the other 192 are logged at debug", func() bool { _, debug := o.log.lines("client refused"); return debug == 2*96 })
	if first, _ := o.log.lines("client refused"); len(first) != 2 || first[0]["client"] != "198.51.100.1" {
		t.Errorf("%v", first)
	}
	for range 100 {
		if a, err := o.try(http.MethodPost, o.admin+"/admin/v1/keys", "", nil); err != nil || a.code != 401 {
			t.Fatal(a.code, err)
		}
	}
	if line := o.oneLine("admin"); line["code"] != 401.0 || line["level"] != "warn" || line["error"] == nil {
		t.Errorf("of 401: %v", line)
	}
	lines, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(lines, "no token\n"...), 0o600); err != nil { // it lets nobody in
		t.Fatal(err)
	}
	for range 100 {
		o.status(503, http.MethodPost, o.admin+"/admin/v1/keys", "")
		o.status(503, http.MethodPost, o.admin+"/console/signin", "token=x")
	}
	if shown, _ := o.log.lines("admin"); len(shown) != 2 || shown[1]["code"] != 503.0 {
		t.Errorf("of 503: %v", shown)
	}
	if line := o.oneLine("console"); line["level"] != "error" {
		t.Errorf("of the console: %v", line)
	}
	o.stop()
	if all, _ := o.log.lines("client refused"); len(all) != 4 || all[2]["repeated"] != 96.0 || all[3]["repeated"] != 96.0 {
		t.Errorf("at the end: %v", all)
	}
}

// status sends a request with a token that nobody has, which must be answered so.
func (d *daemon) status(want int, method, url, form string) {
	d.Helper()
	a, err := d.try(method, url, form, header("Authorization", "Bearer x", "Content-Type", formType))
	if err != nil || a.code != want {
		d.Fatalf("%s: %d %v, want %d", url, a.code, err, want)
	}
}

// TestLogWithoutDatabase holds that a database that is away is logged once for each thing that fails, and
// so is its return.
func TestLogWithoutDatabase(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t, pgtest.Options{})
	s := onPostgres(t, cluster.URL(t))
	s.fresh("K")
	h := s.hook("")
	d := h.serves()
	cluster.Kill(t)
	for range 20 {
		d.is(d.get("info=K"), 503, away)
		if d.ready() != 503 {
			t.Error("it is ready")
		}
		if _, err := d.try(http.MethodGet, d.admin+"/metrics", "", nil); err != nil {
			t.Error(err)
		}
	}
	for _, what := range []string{"cannot lease tasks", "cannot route webhooks"} {
		s.until(what+" three times", func() bool { _, debug := d.log.lines(what); return debug >= 2 })
	}
	cluster.Restart(t)
	s.until("it is ready", func() bool { return d.ready() == 200 })
	works := func(what string) bool {
		again, _ := d.log.lines("works again")
		for _, line := range again {
			if line["failure"] == what && line["duration"] != nil {
				return true
			}
		}
		return false
	}
	for _, what := range []string{"cannot lease tasks", "cannot route webhooks", "not ready"} {
		s.until(what+" no longer", func() bool { return works(what) })
		if line := d.oneLine(what); line["error"] == nil || line["problem"] != nil {
			t.Errorf("%v", line)
		}
	}
	answered, debug := d.log.lines("answered")
	reasons := map[any]bool{}
	for _, line := range answered {
		reasons[line["error"]] = true
	}
	if len(answered) != len(reasons) || len(answered) == 0 || debug == 0 {
		t.Errorf("%d lines of failed requests, %d reasons", len(answered), len(reasons))
	}
	metrics, _ := d.log.lines("cannot read for metrics")
	if len(metrics) != 2 { // the queue and the stock
		t.Errorf("of metrics: %v", metrics)
	}
	d.stop()
}

// TestLogOfAttempts holds that a provider cannot fill the log: one line for each kind of failure, none for
// one that is still at work, and what was wrong with an answer is said.
func TestLogOfAttempts(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	s.fresh("A", "B", "C")
	s.importPlans("p,US,9,,")
	d := s.serve("--task-attempts=5", "--task-deadline=1m")
	d.accepted(upgrade("A", "html+html+html+success@example.com", "US"))
	d.accepted(upgrade("B", "html+html+html+success@example.com", "US"))
	d.accepted(upgrade("C", "202+202+202+success@example.com", "US"))
	for _, code := range []string{"A", "B", "C"} {
		d.endsAs(code, "success", "")
	}
	line := d.oneLine("attempt failed, the task stays open")
	if note, _ := line["note"].(string); line["level"] != "warn" || !strings.Contains(note, "not JSON: it begins with <") {
		t.Errorf("%v", line)
	}
	if shown, debug := d.log.lines("the provider is still at work"); len(shown) != 0 || debug != 3 {
		t.Errorf("%d lines at debug, and %v", debug, shown)
	}
	if ended, _ := d.log.lines("ended"); len(ended) != 3 {
		t.Errorf("ended: %v", ended)
	}
}

// TestLogOfWebhooks holds the same of an endpoint that fails.
func TestLogOfWebhooks(t *testing.T) {
	t.Parallel()
	s := onSQLite(t)
	s.fresh("A", "B", "C")
	h := s.hook("")
	h.say(func(int, hookCall) (int, string) { return 500, "" })
	d := h.serves()
	for _, code := range []string{"A", "B", "C"} {
		s.must("keys", "revoke", code)
	}
	const message = "webhook failed, it is tried again"
	s.until("it has failed five times", func() bool { _, debug := d.log.lines(message); return debug >= 4 })
	if line := d.oneLine(message); line["level"] != "warn" || line["status"] != 500.0 {
		t.Errorf("%v", line)
	}
}
