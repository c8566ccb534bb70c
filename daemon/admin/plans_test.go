package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/keys"
)

type shownPlan struct {
	ID, Country, State, Address, Invite string
	Slots, Free, Held                   int
	Expires                             *string `json:"expires_at"`
}

func (s fixture) plans() map[string]shownPlan {
	s.Helper()
	all := map[string]shownPlan{}
	for after := ""; ; {
		var page struct {
			Plans []shownPlan
			Next  *string
		}
		s.get("/plans?limit=1"+after, &page)
		for _, p := range page.Plans {
			all[p.ID] = p
		}
		if page.Next == nil {
			return all
		}
		after = "&after=" + *page.Next
	}
}

func TestPlans(t *testing.T) {
	s := newFixture(t)
	put := func(id, body string, code int) {
		t.Helper()
		if r := s.send(http.MethodPut, "/plans/"+id, body); r.code != code {
			t.Errorf("%s: %d %s", body, r.code, r.body)
		}
	}
	put("p", `{"country":"us","slots":2,"address":"1 Street\nTown","expires_at":"2999-01-02"}`, 204)
	put("q%2F1", `{"country":"DE","slots":0}`, 204)
	put("p", `{"invite":"i"}`, 204)
	p := s.plans()["p"]
	if p.Country != "US" || p.Slots != 2 || p.Address != "1 Street\nTown" || p.Invite != "i" || p.Expires == nil || *p.Expires != "2999-01-03T00:00:00Z" {
		t.Errorf("%+v", p)
	}
	if _, found := s.plans()["q/1"]; !found || len(s.plans()) != 2 {
		t.Errorf("%+v", s.plans())
	}
	put("p", `{"expires_at":null,"address":""}`, 204)
	if p := s.plans()["p"]; p.Expires != nil || p.Address != "" || p.State != "live" {
		t.Errorf("%+v", p)
	}
	put("p", `{"expires_at":"2020-02-03T04:05:06+02:00"}`, 204)
	if p := s.plans()["p"]; p.State != "expired" || *p.Expires != "2020-02-03T02:05:06Z" {
		t.Errorf("%+v", p)
	}
	for _, text := range []string{"31.01.2027", "", "2027-02-30"} {
		r := s.send(http.MethodPut, "/plans/p", `{"expires_at":"`+text+`"}`)
		s.refused(r, 422, "field_invalid")
		if !strings.Contains(r.body, "expires_at must be a time such as 2026-11-22T19:37:00Z or a date such as 2026-11-22") {
			t.Errorf("%q: %s", text, r.body)
		}
	}
	put("p", `{"expires_at":null}`, 204)
	s.importKeys(keys.Key{Code: "K"})
	s.accept("K")
	s.refused(s.send(http.MethodPut, "/plans/p", `{"slots":0}`), 409, "plan_in_use")
	s.refused(s.send(http.MethodPut, "/plans/p", `{"country":"DE"}`), 409, "plan_in_use")
	if r := s.send(http.MethodPost, "/plans/p/retire", ""); r.code != 204 || s.plans()["p"].State != "retired" {
		t.Errorf("%d %s", r.code, r.body)
	}
	var level struct {
		Stock []struct {
			Country                                string
			Size, Free, Held, Spent, Suspect, Idle int
		}
	}
	s.get("/stock", &level)
	if us := level.Stock[1]; us.Country != "US" || us.Size != 2 || us.Held != 1 || us.Idle != 1 || us.Free != 0 {
		t.Errorf("%+v", level)
	}
	put("p", `{}`, 204)
	if p := s.plans()["p"]; p.State != "live" || p.Held != 1 {
		t.Errorf("%+v", p)
	}
}
