package api_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// upgradeOnly are the outcomes that a renew cannot have.
var upgradeOnly = []string{
	"out_of_stock", "already_premium", "upgraded_recently", "plan_expired", "plan_full", "plan_invalid", "already_member", "wrong_address",
}

// TestEveryOutcomeIsShown ends an upgrade and a renew with each outcome. An outcome that belongs to the other kind of
// task becomes a system error.
func TestEveryOutcomeIsShown(t *testing.T) {
	outcomes := append(slices.Sorted(maps.Keys(harness.Messages)), "odd_outcome")
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		rows, plans := []string{"code,used"}, []string(nil)
		for i, outcome := range outcomes {
			rows = append(rows, "up-"+outcome+",", "re-"+outcome+",1")
			plans = append(plans, fmt.Sprintf("%s,%s,2,,", outcome, harness.Countries[i]))
		}
		s.ImportKeys(rows...)
		s.ImportPlans(plans...)
		d := s.Serve()
		for i, outcome := range outcomes {
			d.MustAccept(harness.Upgrade("up-"+outcome, outcome+"@example.com", harness.Countries[i]))
			d.MustAccept(harness.Renew("re-"+outcome, outcome+"@example.com"))
		}
		for _, outcome := range outcomes {
			up, re := outcome, outcome
			if outcome == "still_premium" || outcome == "odd_outcome" {
				up = "system_error"
			}
			if slices.Contains(upgradeOnly, outcome) || outcome == "odd_outcome" {
				re = "system_error"
			}
			d.ExpectEnd("up-"+outcome, "failed_upgrade", harness.Messages[up])
			d.ExpectEnd("re-"+outcome, "failed", harness.Messages[re])
		}
		for outcome, p := range s.Plans() {
			want, out := "live", strings.HasPrefix(outcome, "plan_")
			if out {
				want = strings.TrimPrefix(outcome, "plan_")
			}
			if p.State != want || p.Free+p.Idle != 2 || out != (p.Idle > 0) {
				s.Errorf("after %s: %+v", outcome, p)
			}
			if strings.Contains(d.Get("stock").Body, `"`+p.Country+`"`) == out {
				s.Errorf("after %s the stock is %s", outcome, d.Get("stock").Body)
			}
		}
		if n := len(s.Provider.Requests()); n != 2*len(outcomes) {
			s.Errorf("the provider got %d requests for %d tasks", n, 2*len(outcomes))
		}
	})
}

// TestOutOfStockEndsImmediately checks that a task that finds no slot ends immediately, without a call of the provider.
func TestOutOfStockEndsImmediately(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.AddKeys("holder", "second", "nowhere")
		s.ImportPlans("p,US,1,,")
		d := s.Serve()
		d.MustAccept(harness.Upgrade("holder", harness.PendingLogin, "US"))
		ended := `{"status":"failed_upgrade","message":"` + harness.Messages["out_of_stock"] + `","used":0,"purchase_date":null,"used_date":null}`
		for code, country := range map[string]string{"second": "US", "nowhere": "FR"} {
			for range 2 {
				d.MustAccept(harness.Upgrade(code, "late@example.com", country))
				d.Expect(d.Get(harness.Query("info", code)), http.StatusOK, ended)
			}
		}
		if len(s.ProviderRequests("late@example.com")) != 0 {
			s.Error("the provider got a request for a task without a slot")
		}
		if all := s.Tasks("--state", "ended"); len(all) != 4 {
			s.Errorf("%d tasks have ended: %+v", len(all), all)
		}
	})
}

// TestThreePlansAreTried checks that a task tries at most three plans, with another idempotency key for each.
func TestThreePlansAreTried(t *testing.T) {
	harness.ForEachDatabase(t, func(s *harness.Shop) {
		s.AddKeys("K", "L")
		s.ImportPlans("a,US,1,1 A,", "b,US,1,1 B,", "c,US,1,1 C,", "d,US,1,1 D,inv-d", "e,US,1,1 E,inv-e")
		d := s.Serve()
		const login = "plan_expired.plan_full.plan_invalid@example.com"
		d.MustAccept(harness.Upgrade("K", login, "US"))
		d.ExpectEnd("K", "failed_upgrade", harness.Messages["plan_invalid"])
		for i, r := range s.ProviderRequests(login) {
			want := fmt.Sprintf("%s-%d", r.Content.Task, i+1)
			if r.Key() != want || r.Content.Plan.ID != string("abc"[i]) || r.Content.Attempt != i+1 {
				s.Errorf("attempt %d has the key %s (not %s), the plan %s and the attempt %d", i+1, r.Key(), want, r.Content.Plan.ID, r.Content.Attempt)
			}
		}
		if n := len(s.ProviderRequests(login)); n != 3 {
			s.Errorf("%d plans were tried", n)
		}
		d.Expect(d.Get("stock"), 200, "["+harness.StockLine("United States", "US", 2)+"]")
		d.MustAccept(harness.Upgrade("L", "500+plan_full.500+success@example.com", "US"))
		d.ExpectEnd("L", "success", "")
		if k := d.Info("L"); k.VerifyAddress != "1 E" {
			s.Errorf("the account is in %s", k.Body)
		}
		var keys []string
		for _, r := range s.ProviderRequests("500+plan_full.500+success@example.com") {
			keys = append(keys, fmt.Sprintf("%s %d %s", strings.TrimPrefix(r.Key(), r.Content.Task), r.Content.Attempt, r.Content.Plan.ID))
		}
		if got := strings.Join(keys, ", "); got != "-1 1 d, -1 2 d, -2 3 e, -2 4 e" {
			s.Errorf("requests: %s", got)
		}
		want := map[string]string{"a": "expired", "b": "full", "c": "invalid", "d": "full", "e": "live"}
		for id, p := range s.Plans() {
			if p.State != want[id] || p.Held+p.Suspect != 0 {
				s.Errorf("%+v", p)
			}
		}
	})
}
