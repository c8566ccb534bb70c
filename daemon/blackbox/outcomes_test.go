package blackbox_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/connectortest"
)

// countries are as many as a test may need to have one for each of its keys.
var countries = strings.Fields("AD AE AF AG AL AM AO AR AT AU AZ BA BB BD BE BF BG BH BI BJ BN BO BR BS BT BW BY BZ CA CD CF CG CH CI CL CM CN CO CR CU CV CY CZ DE DJ DK DM DO DZ EC EE EG")

// upgradeOnly are the outcomes that no renew can have.
var upgradeOnly = []string{
	"out_of_stock", "already_premium", "upgraded_recently", "plan_expired", "plan_full", "plan_invalid", "already_member", "wrong_address",
}

// TestEveryOutcome has each for both kinds of task, where one that does not belong to the kind is a
// system error.
func TestEveryOutcome(t *testing.T) {
	outcomes := append(slices.Sorted(maps.Keys(messages)), "odd_outcome")
	eachDatabase(t, func(s *shop) {
		rows, plans := []string{"code,used"}, []string(nil)
		for i, outcome := range outcomes {
			rows = append(rows, "up-"+outcome+",", "re-"+outcome+",1")
			plans = append(plans, fmt.Sprintf("%s,%s,2,,", outcome, countries[i]))
		}
		s.importKeys(rows...)
		s.importPlans(plans...)
		d := s.serve()
		for i, outcome := range outcomes {
			d.accepted(upgrade("up-"+outcome, outcome+"@example.com", countries[i]))
			d.accepted(renew("re-"+outcome, outcome+"@example.com"))
		}
		for _, outcome := range outcomes {
			up, re := outcome, outcome
			if outcome == "still_premium" || outcome == "odd_outcome" {
				up = "system_error"
			}
			if slices.Contains(upgradeOnly, outcome) || outcome == "odd_outcome" {
				re = "system_error"
			}
			d.endsAs("up-"+outcome, "failed_upgrade", messages[up])
			d.endsAs("re-"+outcome, "failed", messages[re])
		}
		for outcome, p := range s.plans() {
			want, out := "live", strings.HasPrefix(outcome, "plan_")
			if out {
				want = strings.TrimPrefix(outcome, "plan_")
			}
			if p.State != want || p.Free != 2 {
				s.Errorf("after %s: %+v", outcome, p)
			}
			if strings.Contains(d.get("stock").body, `"`+p.Country+`"`) == out {
				s.Errorf("after %s the stock is %s", outcome, d.get("stock").body)
			}
		}
		if n := len(s.provider.Requests()); n != 2*len(outcomes) {
			s.Errorf("the provider was asked %d times for %d tasks", n, 2*len(outcomes))
		}
	})
}

// TestOutOfStock holds that a task without a slot ends at once, unasked.
func TestOutOfStock(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.fresh("holder", "second", "nowhere")
		s.importPlans("p,US,1,,")
		d := s.serve()
		d.accepted(upgrade("holder", pending, "US"))
		ended := `{"status":"failed_upgrade","message":"` + messages["out_of_stock"] + `","used":0,"purchase_date":null,"used_date":null}`
		for code, country := range map[string]string{"second": "US", "nowhere": "FR"} {
			for range 2 {
				d.accepted(upgrade(code, "late@example.com", country))
				d.is(d.get(q("info", code)), http.StatusOK, ended)
			}
		}
		if len(s.asked("late@example.com")) != 0 {
			s.Error("the provider was asked for a task without a slot")
		}
		if all := s.tasks("--state", "ended"); len(all) != 4 {
			s.Errorf("%d tasks have ended: %+v", len(all), all)
		}
	})
}

// asked lists the requests that the provider had for a login, in order.
func (s *shop) asked(login string) []connectortest.Request {
	return slices.DeleteFunc(s.provider.Requests(), func(r connectortest.Request) bool {
		return r.Order.Account.Login.Reveal() != login
	})
}

// TestFaultyPlans holds that a task tries three plans, each with a key of its own, and no more.
func TestFaultyPlans(t *testing.T) {
	eachDatabase(t, func(s *shop) {
		s.fresh("K", "L")
		s.importPlans("a,US,1,1 A,", "b,US,1,1 B,", "c,US,1,1 C,", "d,US,1,1 D,inv-d", "e,US,1,1 E,inv-e")
		d := s.serve()
		const login = "plan_expired.plan_full.plan_invalid@example.com"
		d.accepted(upgrade("K", login, "US"))
		d.endsAs("K", "failed_upgrade", messages["plan_invalid"])
		for i, r := range s.asked(login) {
			want := fmt.Sprintf("%s-%d", r.Order.Task, i+1)
			if r.Key() != want || r.Order.Plan.ID != string("abc"[i]) || r.Order.Attempt != i+1 {
				s.Errorf("asking %d has the key %s (not %s), the plan %s and the attempt %d", i+1, r.Key(), want, r.Order.Plan.ID, r.Order.Attempt)
			}
		}
		if n := len(s.asked(login)); n != 3 {
			s.Errorf("%d plans were tried", n)
		}
		d.is(d.get("stock"), 200, "["+country("United States", "US", 2)+"]")
		d.accepted(upgrade("L", "500+plan_full.500+success@example.com", "US"))
		d.endsAs("L", "success", "")
		if k := d.info("L"); k.VerifyAddress != "1 E" {
			s.Errorf("the account is in %s", k.body)
		}
		var keys []string
		for _, r := range s.asked("500+plan_full.500+success@example.com") {
			keys = append(keys, fmt.Sprintf("%s %d %s", strings.TrimPrefix(r.Key(), r.Order.Task), r.Order.Attempt, r.Order.Plan.ID))
		}
		if got := strings.Join(keys, ", "); got != "-1 1 d, -1 2 d, -2 3 e, -2 4 e" {
			s.Errorf("asked: %s", got)
		}
		want := map[string]string{"a": "expired", "b": "full", "c": "invalid", "d": "full", "e": "live"}
		for id, p := range s.plans() {
			if p.State != want[id] || p.Held+p.Suspect != 0 {
				s.Errorf("%+v", p)
			}
		}
	})
}
