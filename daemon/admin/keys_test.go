package admin_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// A listed is a page of keys.
type listed struct {
	Keys []struct {
		Code   keys.Code
		Status string
		Task   *struct{ ID string }
	}
	Next *string
}

// all reads all pages of a list. It returns the codes and the number of pages.
func (s fixture) all(query string) (codes []string, pages int) {
	s.Helper()
	for after := ""; ; pages++ {
		var page listed
		s.get("/keys?"+query+after, &page)
		for _, k := range page.Keys {
			codes = append(codes, string(k.Code))
		}
		if page.Next == nil {
			return codes, pages + 1
		}
		after = "&after=" + url.QueryEscape(*page.Next)
	}
}

func TestListKeys(t *testing.T) {
	s := newFixture(t)
	s.importKeys(
		keys.Key{Code: "a", OrderID: "o & o"}, keys.Key{Code: "b", Revoked: true}, keys.Key{Code: "c", Used: true},
		keys.Key{Code: "d+/%?#", Status: keys.Failed, Used: true}, keys.Key{Code: "e", Status: keys.Success, Used: true, OrderID: "o & o"},
	)
	for query, want := range map[string]string{
		"":                              "a b c d+/%?# e",
		"limit=1":                       "a b c d+/%?# e",
		"limit=2":                       "a b c d+/%?# e",
		"after=b":                       "c d+/%?# e",
		"after=zz":                      "",
		"status=failed":                 "d+/%?#",
		"status=failed,success&limit=1": "d+/%?# e",
		"used=true":                     "c d+/%?# e",
		"used=false&revoked=false":      "a",
		"revoked=true":                  "b",
		"order_id=o+%26+o":              "a e",
		"order_id=":                     "b c d+/%?#",
		"order_id=none":                 "",
		"sort=newest":                   "e d+/%?# c b a",
		"sort=newest&limit=2":           "e d+/%?# c b a",
		"status=failed&status=success":  "d+/%?# e",
		"bought_after=2026-11-01":       "",
		"country=us":                    "",
		"plan=p":                        "",
	} {
		if got, _ := s.all(query); strings.Join(got, " ") != want {
			t.Errorf("%s: %q", query, got)
		}
	}
}

func TestShowKey(t *testing.T) {
	s := newFixture(t)
	own := keys.Generate([keys.EntropyBytes]byte{1})
	s.importKeys(keys.Key{Code: "a/b+c", OrderID: "o"}, keys.Key{Code: own})
	s.plan("p", "US", 1)
	id := s.accept("a/b+c")
	s.end(tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success, Username: "u"})
	var whole struct {
		Status, Username string
		Task             struct{ ID, Outcome, Slot, State string }
		History          []struct{ Event, Task string }
	}
	s.get("/keys/a%2Fb+c", &whole)
	if whole.Status != "success" || whole.Username != "u" || whole.Task.ID != id || whole.Task.Slot != "spent" || whole.Task.State != "ended" {
		t.Errorf("%+v", whole)
	}
	if n := len(whole.History); n != 3 || whole.History[0].Event != "imported" || whole.History[2].Task != id {
		t.Errorf("%+v", whole.History)
	}
	s.get("/keys/"+strings.ToLower(strings.ReplaceAll(string(own), "-", "")), &whole)
	if r := s.send(http.MethodHead, "/keys/"+string(own), ""); r.code != 200 {
		t.Errorf("HEAD: %d", r.code)
	}
}

func TestKeyActions(t *testing.T) {
	s := newFixture(t)
	s.importKeys(keys.Key{Code: "K", Used: true, Invite: "i"})
	s.plan("p", "US", 1)
	for _, step := range []struct {
		action, status string
		used, revoked  bool
	}{
		{"revoke", "active", true, true},
		{"revoke", "active", true, true},
		{"restore", "active", true, false},
		{"restore", "active", true, false},
		{"revoke", "active", true, true},
		{"reset", "active", false, false},
	} {
		var got struct {
			Status        string
			Used, Revoked bool
		}
		s.read(s.send(http.MethodPost, "/keys/K/"+step.action, ""), 200, &got)
		if got.Status != step.status || got.Used != step.used || got.Revoked != step.revoked {
			t.Errorf("%s: %+v", step.action, got)
		}
	}
	s.accept("K")
	s.refused(s.send(http.MethodPost, "/keys/K/reset", "{}"), 409, "task_open")
}
