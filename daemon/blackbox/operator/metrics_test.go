package operator_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/keyseat/keyseat/adapters/connectortest"
	"github.com/keyseat/keyseat/adapters/pgtest"
	"github.com/keyseat/keyseat/daemon/blackbox/harness"
	"github.com/keyseat/keyseat/tasks"
)

// newBusyDaemon returns a daemon that has ended tasks in several ways, and has an open task.
func newBusyDaemon(s *harness.Shop) *harness.Daemon {
	s.ImportPlans("p,US,9,1 Main Street,inv", "q,FR,1,,", "r,DE,4,,")
	s.MustExec("plans", "retire", "r")
	s.AddKeys("K1", "K2", "K3", "K4", "K5", "key-that-no-label-has")
	d := s.Serve("--task-attempts=2")
	d.MustAccept(harness.Upgrade("K1", "success@canary.example", "US"))
	d.MustAccept(harness.Upgrade("K2", "500@canary.example", "US"))
	d.MustAccept(harness.Upgrade("K3", "success@canary.example", "ZW"))
	d.MustAccept(harness.Upgrade("K4", "plan_full@canary.example", "FR"))
	for _, code := range []string{"K1", "K2", "K3", "K4"} {
		d.WaitEnd(code)
	}
	d.MustAccept(harness.Renew("K1", "success@canary.example"))
	d.WaitEnd("K1")
	d.MustAccept(harness.Upgrade("K5", harness.PendingLogin, "US"))
	d.MustAccept(harness.Upgrade("key-that-no-label-has", "invalid_credentials@canary.example", "US"))
	d.WaitEnd("key-that-no-label-has")
	d.Get("stock")
	d.Get("nothing")
	d.Expect(d.Get("info=nobody"), http.StatusOK, harness.NotExist)
	return d
}

// TestMetricsMatchActivity compares the metrics of a busy daemon with what the daemon has done.
func TestMetricsMatchActivity(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		d := newBusyDaemon(s)
		m := d.Scrape()
		for _, want := range []struct {
			value  float64
			metric string
			labels []string
		}{
			{1, "keyseat_database_up", []string{"reading", "queue"}},
			{1, "keyseat_database_up", []string{"reading", "stock"}},
			{1, "keyseat_tasks_open", nil},
			{1, "keyseat_slots", []string{"country", "US", "state", "held"}},
			{1, "keyseat_slots", []string{"country", "US", "state", "spent"}},
			{1, "keyseat_slots", []string{"country", "US", "state", "suspect"}},
			{6, "keyseat_slots", []string{"country", "US", "state", "free"}},
			{1, "keyseat_slots", []string{"country", "FR", "state", "idle"}},
			{4, "keyseat_slots", []string{"country", "DE", "state", "idle"}},
			{0, "keyseat_slots", []string{"country", "DE", "state", "free"}},
			{1, "keyseat_tasks_ended_total", []string{"kind", "upgrade", "outcome", "success"}},
			{1, "keyseat_tasks_ended_total", []string{"kind", "renew", "outcome", "success"}},
			{1, "keyseat_tasks_ended_total", []string{"outcome", "system_error"}},
			{1, "keyseat_tasks_ended_total", []string{"outcome", "out_of_stock"}},
			{1, "keyseat_tasks_ended_total", []string{"outcome", "plan_full"}},
			{1, "keyseat_tasks_ended_total", []string{"outcome", "invalid_credentials"}},
			{6, "keyseat_tasks_ended_total", nil},
			{7, "keyseat_task_events_total", []string{"event", "accepted"}},
			{6, "keyseat_task_events_total", []string{"event", "ended"}},
			{2, "keyseat_connector_duration_seconds_count", []string{"effect", "unknown"}},
			{4, "keyseat_connector_duration_seconds_count", []string{"effect", "settled"}},
			{0, "keyseat_leases_expired_total", nil},
			{0, "keyseat_leases_lost_total", nil},
			{0, "keyseat_store_errors_total", nil},
			{1, "keyseat_requests_total", []string{"call", "none", "status", "error", "code", "400"}},
			{1, "keyseat_requests_total", []string{"call", "stock", "status", "stock", "code", "200"}},
			{6, "keyseat_requests_total", []string{"call", "upgrade", "status", "success"}},
			{1, "keyseat_request_duration_seconds_count", []string{"call", "renew"}},
		} {
			if got := m.Sum(want.metric, want.labels...); got != want.value {
				s.Errorf("%s%v is %v, not %v", want.metric, want.labels, got, want.value)
			}
		}
		expectClean(m, s)
	})
}

// TestMetricsWithoutDatabase checks that a scrape works while PostgreSQL is down, and shows that the database is down.
func TestMetricsWithoutDatabase(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t, pgtest.Options{Durable: true})
	s := harness.NewPostgresShop(t, cluster.URL(t))
	s.ImportPlans("p,US,9,,")
	d := s.Serve()
	up := func() float64 { return d.Scrape().Sum("keyseat_database_up") }
	if n := up(); n != 2 {
		t.Errorf("%v readings succeed", n)
	}
	cluster.Kill(t)
	var m harness.Scrape
	s.Eventually("no reading succeeds", func() bool { // backends end a moment after their postmaster
		start := time.Now()
		if m = d.Scrape(); time.Since(start) > 9*time.Second { // Prometheus waits for 10
			t.Errorf("a scrape took %s", time.Since(start))
		}
		return m.Sum("keyseat_database_up") == 0
	})
	if strings.Contains(m.Text, "keyseat_slots{") || strings.Contains(m.Text, "keyseat_tasks_open{") {
		t.Error("what cannot be known is shown")
	}
	cluster.Restart(t)
	s.Eventually("it is read again", func() bool { return up() == 2 })
	if n := d.Scrape().Sum("keyseat_slots", "state", "free"); n != 9 {
		t.Errorf("%v slots are free", n)
	}
}

// expectClean checks that the metrics contain no secret, and follow the rules of Prometheus.
func expectClean(m harness.Scrape, s *harness.Shop) {
	account := tasks.Account{Login: tasks.NewSecret("@canary.example"), Password: tasks.NewSecret(harness.Password)}
	if found := connectortest.FindLeak(m.Text, account); found != "" || strings.Contains(m.Text, "no-label") {
		s.Errorf("a secret is in the metrics: the %s", found)
	}
	problems, err := promlint.New(strings.NewReader(m.Text)).Lint()
	if err != nil {
		s.Fatal(err)
	}
	for _, p := range problems {
		s.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, sample := range m.Samples {
		if strings.HasPrefix(sample.Name, "keyseat_") {
			expectKnownLabels(m, sample)
		}
	}
}

// labelValues are the possible values of each label.
var labelValues = map[string][]string{
	"call":    {"info", "renew", "upgrade", "stock", "none", "find", "view", "apply", "lease", "extend"},
	"status":  {"active", "in_queue", "success", "failed_upgrade", "success_renew", "failed", "not_exist", "error", "stock"},
	"kind":    {"upgrade", "renew"},
	"event":   {"accepted", "retried", "moved", "claimed", "ended"},
	"effect":  {"unknown", "none", "pending", "refused", "settled"},
	"state":   {"due", "leased", "waiting", "free", "held", "spent", "suspect", "idle"},
	"reading": {"queue", "stock"},
	"country": {"US", "FR", "DE"}, // countries with a plan
	"outcome": {
		"success", "system_error", "invalid_credentials", "account_locked", "out_of_stock", "already_premium", "upgraded_recently",
		"plan_expired", "plan_full", "plan_invalid", "already_member", "wrong_address", "still_premium",
	},
}

// expectKnownLabels checks that each label has one of its possible values.
func expectKnownLabels(m harness.Scrape, s harness.Sample) {
	m.Helper()
	for label, value := range s.Labels {
		_, err := strconv.ParseFloat(value, 64)
		number := err == nil && (label == "le" || label == "code")
		if !number && label != "version" && !slices.Contains(labelValues[label], value) {
			m.Errorf("%s has a label %s=%q", s.Name, label, value)
		}
	}
}

// TestDashboardAndAlertsUseExistingMetrics checks that the queries of dashboard and alerts name existing metrics and
// labels. The dashboard must show every metric.
func TestDashboardAndAlertsUseExistingMetrics(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		there := labelsByMetric(newBusyDaemon(s).Scrape())
		s.Helper()
		for _, fault := range unknownMetrics(there, append(dashboardExpressions(s.T), alertExpressions(s.T)...)) {
			s.Error(fault)
		}
		shown := map[string]bool{}
		for _, expr := range dashboardExpressions(s.T) {
			all, _ := mentions(expr)
			for _, m := range all {
				shown[family(m.metric)] = true
			}
		}
		for name := range there {
			if strings.HasPrefix(name, "keyseat_") && !shown[family(name)] {
				s.Errorf("no panel shows %s", name)
			}
		}
		if n := len(unknownMetrics(there, []string{"sum by (nothing) (keyseat_slots)", `keyseat_slots{key="x"}`, "keyseat_sluts", "rate(go_nothing[5m])"})); n != 4 {
			s.Errorf("the checker finds %d of 4 faults", n)
		}
	})
}

// family returns the name of a metric without the suffixes of a histogram.
func family(name string) string {
	for _, part := range []string{"_bucket", "_sum", "_count"} {
		name = strings.TrimSuffix(name, part)
	}
	return name
}

// unknownMetrics returns the metrics and labels that queries name, but that do not exist. The metric up and the labels
// job and instance exist, because Prometheus itself adds them.
func unknownMetrics(there map[string]map[string]bool, exprs []string) (faults []string) {
	for _, expr := range exprs {
		all, groups := mentions(expr)
		known := map[string]bool{"job": true, "instance": true}
		for _, m := range all {
			labels := there[m.metric]
			if labels == nil && m.metric != "up" {
				faults = append(faults, "there is no "+m.metric+": "+expr)
			}
			for _, label := range m.labels {
				if !labels[label] && label != "job" && label != "instance" {
					faults = append(faults, m.metric+" has no "+label+": "+expr)
				}
			}
			for label := range labels {
				known[label] = true
			}
		}
		for _, label := range groups {
			if !known[label] {
				faults = append(faults, "nothing has "+label+": "+expr)
			}
		}
	}
	return faults
}

// labelsByMetric returns the names of the labels of each metric, and "" for a metric without labels.
func labelsByMetric(s harness.Scrape) map[string]map[string]bool {
	all := map[string]map[string]bool{}
	for _, sample := range s.Samples {
		if all[sample.Name] == nil {
			all[sample.Name] = map[string]bool{"": true}
		}
		for label := range sample.Labels {
			all[sample.Name][label] = true
		}
	}
	return all
}
