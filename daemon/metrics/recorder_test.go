package metrics_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/metrics"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/stats"
)

// checkScrape checks that a scrape contains all these complete lines.
func checkScrape(t *testing.T, m *metrics.Recorder, lines ...string) {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	for _, line := range lines {
		if !strings.Contains(w.Body.String(), "\n"+line+"\n") {
			t.Errorf("no line %s in\n%s", line, sameMetric(w.Body.String(), line))
		}
	}
}

// sameMetric returns the lines of the same metric.
func sameMetric(text, line string) string {
	name, _, _ := strings.Cut(strings.ReplaceAll(line, "{", " "), " ")
	var b strings.Builder
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, name) {
			b.WriteString(l)
		}
	}
	return b.String()
}

func TestRequest(t *testing.T) {
	m := metrics.New("v1.2.3")
	m.ObserveRequest(daemon.Observation{Call: "info", Status: "active", Code: 200, Took: 3 * time.Millisecond})
	m.ObserveRequest(daemon.Observation{Call: "info", Status: "error", Code: 503, Took: 2 * time.Second})
	m.ObserveBatch("view", 3)
	m.ObserveReport(tasks.Report{Err: tasks.ErrFenced})
	m.ObserveReport(tasks.Report{})
	m.ObserveReport(tasks.Report{Limited: true})
	checkScrape(t, m,
		`keyseat_build_info{version="v1.2.3"} 1`,
		`keyseat_requests_total{call="info",code="200",status="active"} 1`,
		`keyseat_requests_total{call="info",code="503",status="error"} 1`,
		`keyseat_request_duration_seconds_bucket{call="info",le="0.004"} 1`,
		`keyseat_request_duration_seconds_sum{call="info"} 2.003`,
		`keyseat_group_size_sum{call="view"} 3`,
		`keyseat_leases_lost_total 1`,
		`keyseat_logins_limited_total 1`,
		`keyseat_tasks_ended_total{kind="renew",outcome="still_premium"} 0`,
	)
}

// TestRequestAllocatesNothing checks that the metrics of a repeated kind of answer need no memory, because they are on the
// path of every request.
func TestRequestAllocatesNothing(t *testing.T) {
	m := metrics.New("v0")
	o := daemon.Observation{Call: "info", Status: "active", Code: http.StatusOK, Took: time.Millisecond}
	if n := testing.AllocsPerRun(100, func() { m.ObserveRequest(o) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestStore takes a task through a measured store: the task is accepted and leased, its lease expires, and
// it ends.
func TestStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, inner := metrics.New(""), memory.New(time.Now)
		must(t, inner.EditPlans(t.Context(), []stock.PlanEdit{stock.NewPlanEdit("p", "US", 1)}))
		must(t, inner.ImportKeys(t.Context(), adminstore.ImportBatch{ID: "b", Type: tasks.EventIssued}, func(yield func(keys.Key, error) bool) {
			_ = yield(keys.Key{Code: "A", Status: keys.Active}, nil) && yield(keys.Key{Code: "B", Status: keys.Active}, nil)
		}))
		m.Watch(inner, slog.New(slog.DiscardHandler))
		engine := daemon.NewEngine(m.Store(inner), m.Connector(answers{tasks.ConnectorResult{Effect: tasks.Refused, Outcome: tasks.WrongAddress}}), noSealer{}, tasks.DefaultRules())
		accept(t, engine, "A")
		accept(t, engine, "B") // no slot is free
		time.Sleep(3 * time.Second)
		checkScrape(t, m,
			`keyseat_tasks_open{state="due"} 1`, `keyseat_queue_age_seconds 3`, `keyseat_oldest_task_age_seconds 3`,
			`keyseat_slots{country="US",state="held"} 1`, `keyseat_slots{country="US",state="free"} 0`,
			`keyseat_tasks_ended_total{kind="upgrade",outcome="out_of_stock"} 1`,
			`keyseat_task_events_total{event="accepted",kind="upgrade"} 2`,
		)
		lease(t, engine, time.Second)
		checkScrape(t, m, `keyseat_tasks_open{state="leased"} 1`, `keyseat_queue_age_seconds 0`, `keyseat_leases_expired_total 0`)
		time.Sleep(2 * time.Second)
		report := engine.Work(t.Context(), t.Context(), lease(t, engine, time.Minute))
		must(t, report.Err)
		checkScrape(t, m,
			`keyseat_leases_expired_total 1`, `keyseat_tasks_open{state="due"} 0`, `keyseat_oldest_task_age_seconds 0`,
			`keyseat_connector_duration_seconds_count{effect="refused",kind="upgrade"} 1`,
			`keyseat_tasks_ended_total{kind="upgrade",outcome="`+string(report.Task.Outcome)+`"} 1`,
			`keyseat_store_duration_seconds_count{call="lease"} 2`, `keyseat_store_errors_total{call="apply"} 0`,
		)
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func accept(t *testing.T, engine tasks.Engine, code keys.Code) {
	t.Helper()
	must(t, engine.Accept(t.Context(), tasks.Request{
		Kind: tasks.Upgrade, Code: code, Country: "US",
		Account: tasks.Account{Login: tasks.NewSecret("a"), Password: tasks.NewSecret("b")},
	}))
}

func lease(t *testing.T, engine tasks.Engine, ttl time.Duration) tasks.Job {
	t.Helper()
	jobs, err := engine.Lease(t.Context(), "w", 5, ttl)
	if err != nil || len(jobs) != 1 {
		t.Fatalf("leased %d, %v", len(jobs), err)
	}
	return jobs[0]
}

// noSealer is a sealer that does not encrypt.
type noSealer struct{}

func (noSealer) Seal(plain, _ []byte) ([]byte, error)  { return plain, nil }
func (noSealer) Open(sealed, _ []byte) ([]byte, error) { return sealed, nil }

// The connector answers always returns the same result.
type answers struct{ answer tasks.ConnectorResult }

func (a answers) Do(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult { return a.answer }

// The type broken is a store, a source and a connector whose calls all fail.
type broken struct {
	tasks.Store
	wait bool
}

var errBroken = errors.New("broken")

func (b broken) Snapshots(context.Context, []keys.Code) ([]tasks.Snapshot, error) {
	return nil, errBroken
}

func (b broken) Find(context.Context, []keys.Code) ([]keys.Key, error) { return nil, errBroken }

func (b broken) Apply(context.Context, []tasks.Change) ([]error, error) { return nil, errBroken }

func (b broken) Do(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult { panic(errBroken) }

func (b broken) QueueStats(context.Context) (stats.Queue, error) {
	return stats.Queue{Due: 7}, errBroken
}

func (b broken) Extend(context.Context, []tasks.Ref, time.Duration) ([]error, error) {
	return nil, errBroken
}

func (b broken) Lease(context.Context, string, int, time.Duration) ([]tasks.Snapshot, error) {
	return nil, errBroken
}

func (b broken) Stock(ctx context.Context) ([]stock.Level, error) {
	if b.wait {
		<-ctx.Done()
	}
	return nil, errBroken
}

func TestErrorsAreCounted(t *testing.T) {
	m := metrics.New("")
	s := m.Store(broken{})
	_, _ = s.Snapshots(t.Context(), nil)
	_, _ = s.Find(t.Context(), nil)
	_, _ = s.Apply(t.Context(), []tasks.Change{{}})
	_, _ = s.Lease(t.Context(), "", 0, 0)
	_, _ = s.Extend(t.Context(), nil, 0)
	_, _ = s.Stock(t.Context())
	func() {
		defer func() { _ = recover() }()
		m.Connector(broken{}).Do(t.Context(), tasks.ConnectorRequest{Kind: tasks.Renew})
	}()
	lines := []string{`keyseat_connector_duration_seconds_count{effect="unknown",kind="renew"} 1`, "keyseat_connector_in_flight 0"}
	for _, call := range []string{"view", "find", "apply", "lease", "extend", "stock"} {
		lines = append(lines, `keyseat_store_errors_total{call="`+call+`"} 1`, `keyseat_store_duration_seconds_count{call="`+call+`"} 1`)
	}
	checkScrape(t, m, lines...)
}

// TestScrapeTimeout checks that a scrape is answered in time even if all queries hang, and that it contains
// no outdated number.
func TestScrapeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New("")
		m.Watch(broken{wait: true}, slog.New(slog.DiscardHandler))
		start := time.Now()
		checkScrape(t, m, `keyseat_database_up{reading="queue"} 0`, `keyseat_database_up{reading="stock"} 0`)
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %s", took)
		}
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
		if strings.Contains(w.Body.String(), "keyseat_tasks_open") {
			t.Error("the scrape has a number that was not read")
		}
	})
}

// The connector slow answers a little later each time.
type slow struct{ took time.Duration }

func (s *slow) Do(context.Context, tasks.ConnectorRequest) tasks.ConnectorResult {
	time.Sleep(s.took)
	s.took += 100 * time.Millisecond
	return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success}
}

func TestConnectorStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New("test")
		if all := m.ConnectorStats(); len(all) != 0 {
			t.Errorf("before the first call: %+v", all)
		}
		c := m.Connector(&slow{})
		for range 11 { // 0 to 1 s
			c.Do(t.Context(), tasks.ConnectorRequest{Kind: tasks.Renew})
		}
		all := m.ConnectorStats()
		if len(all) != 1 || all[0].Kind != tasks.Renew || all[0].Effect != "settled" || all[0].Count != 11 || all[0].Total != 5500*time.Millisecond {
			t.Fatalf("%+v", all)
		}
		for share, want := range map[float64]time.Duration{0.01: 10 * time.Millisecond, 0.5: 640 * time.Millisecond, 0.95: 1280 * time.Millisecond} {
			if got := all[0].Quantile(share); got != want {
				t.Errorf("%g within %s, want %s", share, got, want)
			}
		}
		all[0].Buckets = all[0].Buckets[:3]
		if got := all[0].Quantile(0.95); got != 0 {
			t.Errorf("above the last bucket: %s", got)
		}
	})
}
