package blackbox_test

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
	"github.com/keyseat/keyseat/tasks"
)

// busy has a daemon that has done some of everything, and one task that stays open.
func busy(s *shop) *daemon {
	s.importPlans("p,US,9,1 Main Street,inv", "q,FR,1,,", "r,DE,4,,")
	s.must("plans", "retire", "r")
	s.fresh("K1", "K2", "K3", "K4", "K5", "key-that-no-label-has")
	d := s.serve("--task-attempts=2")
	d.accepted(upgrade("K1", "success@canary.example", "US"))
	d.accepted(upgrade("K2", "500@canary.example", "US"))
	d.accepted(upgrade("K3", "success@canary.example", "ZW"))
	d.accepted(upgrade("K4", "plan_full@canary.example", "FR"))
	for _, code := range []string{"K1", "K2", "K3", "K4"} {
		d.ends(code)
	}
	d.accepted(renew("K1", "success@canary.example"))
	d.ends("K1")
	d.accepted(upgrade("K5", pending, "US"))
	d.accepted(upgrade("key-that-no-label-has", "invalid_credentials@canary.example", "US"))
	d.ends("key-that-no-label-has")
	d.get("stock")
	d.get("nothing")
	d.is(d.get("info=nobody"), http.StatusOK, notExist)
	return d
}

// TestMetrics holds what a busy daemon shows against what it has done.
func TestMetrics(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		d := busy(s)
		m := d.scrape()
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
			if got := m.sum(want.metric, want.labels...); got != want.value {
				s.Errorf("%s%v is %v, not %v", want.metric, want.labels, got, want.value)
			}
		}
		m.told(s)
	})
}

// TestMetricsWithoutADatabase holds that a scrape is answered while Postgres is dead, and says so.
func TestMetricsWithoutADatabase(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t, pgtest.Options{Durable: true})
	s := onPostgres(t, cluster.URL(t))
	s.importPlans("p,US,9,,")
	d := s.serve()
	up := func() float64 { return d.scrape().sum("keyseat_database_up") }
	if n := up(); n != 2 {
		t.Errorf("%v readings succeed", n)
	}
	cluster.Kill(t)
	var m scrape
	s.until("no reading succeeds", func() bool { // backends outlive their postmaster by a moment
		start := time.Now()
		if m = d.scrape(); time.Since(start) > 9*time.Second { // Prometheus waits for 10
			t.Errorf("a scrape took %s", time.Since(start))
		}
		return m.sum("keyseat_database_up") == 0
	})
	if strings.Contains(m.text, "keyseat_slots{") || strings.Contains(m.text, "keyseat_tasks_open{") {
		t.Error("what cannot be known is shown")
	}
	cluster.Restart(t)
	s.until("it is read again", func() bool { return up() == 2 })
	if n := d.scrape().sum("keyseat_slots", "state", "free"); n != 9 {
		t.Errorf("%v slots are free", n)
	}
}

// told holds that the metrics tell nothing secret, and keep to the rules of Prometheus.
func (m scrape) told(s *shop) {
	account := tasks.Account{Login: tasks.NewSecret("@canary.example"), Password: tasks.NewSecret(password)}
	if found := connectortest.FindLeak(m.text, account); found != "" || strings.Contains(m.text, "no-label") {
		s.Errorf("a secret is in the metrics: the %s", found)
	}
	problems, err := promlint.New(strings.NewReader(m.text)).Lint()
	if err != nil {
		s.Fatal(err)
	}
	for _, p := range problems {
		s.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, sample := range m.samples {
		if strings.HasPrefix(sample.name, "keyseat_") {
			m.closed(sample)
		}
	}
}

// sets are the values that a label can have.
var sets = map[string][]string{
	"call":    {"info", "renew", "upgrade", "stock", "none", "find", "view", "apply", "lease", "extend"},
	"status":  {"active", "in_queue", "success", "failed_upgrade", "success_renew", "failed", "not_exist", "error", "stock"},
	"kind":    {"upgrade", "renew"},
	"event":   {"accepted", "retried", "moved", "claimed", "ended"},
	"effect":  {"unknown", "none", "pending", "refused", "settled"},
	"state":   {"due", "leased", "waiting", "free", "held", "spent", "suspect", "idle"},
	"reading": {"queue", "stock"},
	"country": {"US", "FR", "DE"}, // those that have a plan
	"outcome": {
		"success", "system_error", "invalid_credentials", "account_locked", "out_of_stock", "already_premium", "upgraded_recently",
		"plan_expired", "plan_full", "plan_invalid", "already_member", "wrong_address", "still_premium",
	},
}

// closed holds that each label has a value out of a set that cannot grow.
func (m scrape) closed(s sample) {
	m.Helper()
	for label, value := range s.labels {
		_, err := strconv.ParseFloat(value, 64)
		number := err == nil && (label == "le" || label == "code")
		if !number && label != "version" && !slices.Contains(sets[label], value) {
			m.Errorf("%s has a label %s=%q", s.name, label, value)
		}
	}
}

// TestOperatorsFilesNameMetrics holds that dashboard and alerts ask for what there is, and the
// dashboard for all of it.
func TestOperatorsFilesNameMetrics(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		there := busy(s).scrape().labels()
		s.Helper()
		for _, fault := range strangers(there, append(shownExpressions(s.T), alertExpressions(s.T)...)) {
			s.Error(fault)
		}
		asked := map[string]bool{}
		for _, expr := range shownExpressions(s.T) {
			all, _ := mentions(expr)
			for _, m := range all {
				asked[family(m.metric)] = true
			}
		}
		for name := range there {
			if strings.HasPrefix(name, "keyseat_") && !asked[family(name)] {
				s.Errorf("no panel shows %s", name)
			}
		}
		if n := len(strangers(there, []string{"sum by (nothing) (keyseat_slots)", `keyseat_slots{key="x"}`, "keyseat_sluts", "rate(go_nothing[5m])"})); n != 4 {
			s.Errorf("the checker finds %d of 4 faults", n)
		}
	})
}

// family is a metric's name, of a histogram without what is added to it.
func family(name string) string {
	for _, part := range []string{"_bucket", "_sum", "_count"} {
		name = strings.TrimSuffix(name, part)
	}
	return name
}

// strangers are the metrics and labels that expressions ask for and that are not there. Prometheus
// itself adds up, job and instance.
func strangers(there map[string]map[string]bool, exprs []string) (faults []string) {
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
