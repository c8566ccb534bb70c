package admin_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/keys"
)

// A listedActivity is a page of the activity.
type listedActivity struct {
	Activity []struct {
		Actor, Address, Action, Key, Plan, Error string

		OrderID string `json:"order_id"`
		Count   int
	}
	Next     *string
	Previous *string
}

// actions returns the entries that a query selects, as texts.
func (s fixture) actions(query string) (all []string) {
	s.Helper()
	var page listedActivity
	s.read(s.send(http.MethodGet, "/activity"+query, "", as(reader)), 200, &page)
	for _, e := range page.Activity {
		all = append(all, fmt.Sprintf("%s %s %s%s%s%d %s", e.Actor, e.Action, e.Key, e.Plan, e.OrderID, e.Count, e.Error))
	}
	return all
}

// TestActivity checks that each line of the audit log has an entry, and that the filters and pages select entries.
func TestActivity(t *testing.T) {
	s := newFixture(t)
	s.importKeys(keys.Key{Code: "code-one-1"}, keys.Key{Code: "code-two-2"})
	s.plan("p", "US", 1)
	s.send("GET", "/keys", "", as(exporter))
	s.send("GET", "/keys/code-one-1", "", as(exporter)) // the client knows the code
	s.order("h", `{"count":2,"order_id":"o-7"}`)
	s.send("POST", "/keys/code-one-1/revoke", "")
	s.send("POST", "/keys/code-two-2/revoke", "", as(reader))
	s.send("POST", "/plans/p/retire", "")
	key := s.api.Engine.Fingerprints.Fingerprint("code-one-1")
	for query, want := range map[string][]string{
		"": {
			"books list_keys 2 ", "webshop issue_keys o-72 ", "webshop revoke_key " + key + "0 ",
			"dashboard revoke_key 0 this needs a token with the role write", "webshop retire_plan p0 ",
		},
		"?action=revoke_key&sort=newest": {"dashboard revoke_key 0 this needs a token with the role write", "webshop revoke_key " + key + "0 "},
		"?actor=books":                   {"books list_keys 2 "},
		"?subject=" + key:                {"webshop revoke_key " + key + "0 "},
		"?subject=o-7&actor=webshop":     {"webshop issue_keys o-72 "},
		"?until=2020-01-01":              nil,
	} {
		if got := s.actions(query); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%q:\n%q, want\n%q", query, got, want)
		}
	}
	var first, second, again listedActivity
	s.read(s.send(http.MethodGet, "/activity?limit=3", "", as(reader)), 200, &first)
	s.read(s.send(http.MethodGet, "/activity?limit=3&after="+*first.Next, "", as(reader)), 200, &second)
	s.read(s.send(http.MethodGet, "/activity?limit=3&before="+*second.Previous, "", as(reader)), 200, &again)
	if len(second.Activity) != 2 || second.Next != nil || fmt.Sprint(again.Activity) != fmt.Sprint(first.Activity) || first.Activity[0].Address != "192.0.2.1" {
		t.Errorf("%+v, %+v, %+v", first, second, again)
	}
	if r := s.send(http.MethodGet, "/activity?limit=100", "", as(reader)); strings.Contains(r.body, "code-") {
		t.Error(r.body)
	}
	for _, query := range []string{"?action=nothing", "?key=code-one-1", "?since=now", "?after=code-one-1"} {
		s.refused(s.send(http.MethodGet, "/activity"+query, "", as(reader)), 400, "query_invalid")
	}
	s.api.Activity = nil
	if got := s.actions(""); got != nil {
		t.Errorf("%q", got)
	}
}
