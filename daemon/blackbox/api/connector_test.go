package api_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// A connectorScenario is a behaviour of the provider, with the expected end of the task.
type connectorScenario struct {
	login    string // the local part of the login
	attempts int    // expected calls; at most three may fail
	outcome  string
	slot     string // expected state of the slot
}

var connectorScenarios = []connectorScenario{
	// The provider certainly did nothing: the call is repeated, then the slot is free.
	{"401", 3, "system_error", "free"},
	{"403", 3, "system_error", "free"},
	{"404", 3, "system_error", "free"},
	{"408", 3, "system_error", "free"},
	{"429", 3, "system_error", "free"},
	{"429=0", 3, "system_error", "free"},
	// The provider may have carried out the task.
	{"500", 3, "system_error", "suspect"},
	{"500_after", 3, "system_error", "suspect"},
	{"502", 3, "system_error", "suspect"},
	{"503=0", 3, "system_error", "suspect"},
	{"503=garbage", 3, "system_error", "suspect"},
	{"201", 3, "system_error", "suspect"},
	{"204", 3, "system_error", "suspect"},
	{"304", 3, "system_error", "suspect"},
	{"redirect", 3, "system_error", "suspect"},
	{"redirect_after", 3, "system_error", "suspect"},
	{"cut", 3, "system_error", "suspect"},
	{"cut_after", 3, "system_error", "suspect"},
	{"silent", 3, "system_error", "suspect"},
	{"drip", 3, "system_error", "suspect"},
	{"html", 3, "system_error", "suspect"},
	{"empty", 3, "system_error", "suspect"},
	{"huge", 3, "system_error", "suspect"},
	{"truncated", 3, "system_error", "suspect"},
	{"no_outcome", 3, "system_error", "suspect"},
	{"404+500+404", 3, "system_error", "suspect"},
	// Any other 4xx ends the task. A task that was in doubt before stays in doubt.
	{"400", 1, "system_error", "free"},
	{"402", 1, "system_error", "free"},
	{"409", 1, "system_error", "free"},
	{"422", 1, "system_error", "free"},
	{"451", 1, "system_error", "free"},
	{"404+400", 2, "system_error", "free"},
	{"500+400", 2, "system_error", "suspect"},
	{"202+422", 2, "system_error", "suspect"},
	// A readable 200 settles the task, also after other responses.
	{"odd_outcome", 1, "system_error", "free"},
	{"500+odd_outcome", 2, "system_error", "free"},
	{"500+wrong_address", 2, "wrong_address", "free"},
	{"cut_after+success", 2, "success", "spent"},
	{"silent_after+success", 2, "success", "spent"},
	{"404+503=0+success", 3, "success", "spent"},
	{"slow=100+success", 1, "success", "spent"},
	// A provider that is still working is called again, and the call does not count as an attempt.
	{"202+202+202+202+success", 5, "success", "spent"},
	{"202+500+202+500+202+already_member", 6, "already_member", "free"},
}

func TestProviderResponses(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		rows, plans := []string{"code"}, []string(nil)
		for i := range connectorScenarios {
			rows = append(rows, fmt.Sprintf("K%d", i))
			plans = append(plans, fmt.Sprintf("p%d,%s,1,,", i, harness.Countries[i]))
		}
		s.ImportKeys(rows...)
		s.ImportPlans(plans...)
		d := s.Serve("--task-attempts", "3", "--connector-timeout", "500ms")
		for i, m := range connectorScenarios {
			d.MustAccept(harness.Upgrade(fmt.Sprintf("K%d", i), m.login+"@example.com", harness.Countries[i]))
		}
		for i := range connectorScenarios {
			d.WaitEnd(fmt.Sprintf("K%d", i))
		}
		all := s.Plans()
		for i, m := range connectorScenarios {
			checkScenario(d, m, fmt.Sprintf("K%d", i), all[fmt.Sprintf("p%d", i)])
		}
		for _, r := range s.Provider.Requests() {
			if r.Path != "/upgrade" {
				s.Errorf("a request for %s", r.Path)
			}
		}
	})
}

// checkScenario compares the end of a task with the expected one.
func checkScenario(d *harness.Daemon, m connectorScenario, code string, p harness.Plan) {
	d.Helper()
	status, message := "failed_upgrade", harness.Messages[m.outcome]
	if m.outcome == "success" {
		status = "success"
	}
	if k := d.Info(code); k.Status != status || k.Message != message {
		d.Errorf("%s: %s", m.login, k.Body)
	}
	if n := map[string]int{"free": p.Free + p.Idle, "spent": p.Spent, "suspect": p.Suspect}[m.slot]; n != 1 {
		d.Errorf("%s: the slot should be %s: %+v", m.login, m.slot, p)
	}
	if n := len(d.ProviderRequests(m.login + "@example.com")); n != m.attempts {
		d.Errorf("%s: %d requests, not %d", m.login, n, m.attempts)
	}
}

// TestResolvingOldTaskLeavesKey checks that a resolved task changes the key only if it is the key's latest task.
func TestResolvingOldTaskLeavesKey(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.AddKeys("K")
		s.ImportPlans("p,US,5,,")
		d := s.Serve("--task-attempts", "1")
		d.MustAccept(harness.Upgrade("K", "500@example.com", "US"))
		d.ExpectEnd("K", "failed_upgrade", harness.Messages["system_error"])
		d.MustAccept(harness.Upgrade("K", "wrong_address@example.com", "US"))
		d.ExpectEnd("K", "failed_upgrade", harness.Messages["wrong_address"])
		s.MustExec("tasks", "resolve", s.Tasks("--state", "suspect")[0].ID, "--outcome", "success")
		d.ExpectEnd("K", "failed_upgrade", harness.Messages["wrong_address"])
		if p := s.Plans()["p"]; p.Spent != 1 || p.Free != 4 {
			s.Errorf("resolved: %+v", p)
		}
	})
}

// TestRefusedConnectionsLeaveNoDoubt checks that a task is not in doubt if the provider refuses connections.
func TestRefusedConnectionsLeaveNoDoubt(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.ImportKeys("code,used", "K,", "L,1")
		s.ImportPlans("p,US,1,,")
		d := s.Serve("--connector", "http://"+harness.ClosedPort(s), "--task-attempts", "3")
		d.MustAccept(harness.Upgrade("K", "a@example.com", "US"))
		d.MustAccept(harness.Renew("L", "a@example.com"))
		d.Expect(d.Get("stock"), 200, "[]")
		d.ExpectEnd("K", "failed_upgrade", harness.Messages["system_error"])
		d.ExpectEnd("L", "failed", harness.Messages["system_error"])
		d.Expect(d.Get("stock"), 200, "["+harness.StockLine("United States", "US", 1)+"]")
		for _, task := range s.Tasks() {
			if task.Attempts != 3 {
				s.Errorf("%d requests", task.Attempts)
			}
		}
	})
}

// TestRetryAfterIsObeyed checks that the daemon waits as long as the provider's Retry-After says, and that an
// operator's retry ends this pause.
func TestRetryAfterIsObeyed(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.AddKeys("K", "L")
		s.ImportPlans("p,US,2,,")
		d := s.Serve("--lease", "200ms") // a pause may be longer than a lease
		start := time.Now()
		d.MustAccept(harness.Upgrade("K", "503=2+success@example.com", "US"))
		d.MustAccept(harness.Upgrade("L", "429=86400+success@example.com", "US"))
		d.ExpectEnd("K", "success", "")
		if took := time.Since(start); took < 2*time.Second {
			s.Errorf("called again after %s", took)
		}
		if n := len(s.ProviderRequests("429=86400+success@example.com")); n != 1 {
			s.Errorf("%d requests in two seconds", n)
		}
		var left harness.Task
		s.Eventually("the first attempt has ended", func() bool {
			left = s.Tasks("--state", "open")[0]
			return left.Attempts == 1 && left.Leased == nil
		})
		if left.Due == nil || left.Due.After(time.Now().Add(2*time.Minute)) || left.Due.Before(start.Add(100*time.Second)) {
			s.Errorf("after a Retry-After of a day, the task is due at %v", left.Due)
		}
		s.MustExec("tasks", "retry", left.ID)
		d.ExpectEnd("L", "success", "")
	})
}
