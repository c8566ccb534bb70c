package admin_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

type shownTask struct{ ID, Code, State, Outcome, Slot string }

// ids reads all pages of a list of tasks.
func (s fixture) ids(state string) (ids []string) {
	s.Helper()
	for after := ""; ; {
		var page struct {
			Tasks []shownTask
			Next  *string
		}
		s.get("/tasks?limit=2"+state+after, &page)
		for _, task := range page.Tasks {
			ids = append(ids, task.ID)
		}
		if page.Next == nil {
			return ids
		}
		after = "&after=" + *page.Next
	}
}

func TestListTasks(t *testing.T) {
	s := newFixture(t)
	s.plan("p", "US", 9)
	var want []string
	for i := range 5 {
		code := keys.Code(fmt.Sprint("K", i))
		s.importKeys(keys.Key{Code: code})
		if i < 2 {
			want = append(want, s.suspect(code))
		} else {
			want = append(want, s.accept(code))
		}
	}
	for state, want := range map[string][]string{"": want, "&state=open": want[2:], "&state=ended": want[:2], "&state=suspect": want[:2]} {
		if got := s.ids(state); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, not %v", state, got, want)
		}
	}
	var one shownTask
	s.get("/tasks/"+want[0], &one)
	if one.Code != "K0" || one.State != "suspect" || one.Outcome != "system_error" {
		t.Errorf("%+v", one)
	}
}

func TestTaskActions(t *testing.T) {
	s := newFixture(t)
	s.plan("p", "US", 9)
	s.importKeys(keys.Key{Code: "K"}, keys.Key{Code: "L"})
	woken := 0
	s.api.Wake = func() { woken++ }
	post := func(id, action, body string, want shownTask) {
		t.Helper()
		var got shownTask
		s.read(s.send(http.MethodPost, "/tasks/"+id+"/"+action, body), 200, &got)
		if got.Outcome != want.Outcome || got.Slot != want.Slot || got.State != want.State {
			t.Errorf("%s: %+v", action, got)
		}
	}
	refused := func(id, action, body string, code int, problem string) {
		t.Helper()
		s.refused(s.send(http.MethodPost, "/tasks/"+id+"/"+action, body), code, problem)
	}
	id := s.accept("K")
	post(id, "retry", "", shownTask{State: "open", Slot: "held"})
	if woken != 1 {
		t.Errorf("woken %d times", woken)
	}
	jobs, err := s.engine.Lease(t.Context(), "test", 1, 1e9)
	s.must(err)
	refused(id, "retry", "", 409, "task_at_work")
	_, err = s.store.Extend(t.Context(), []tasks.Ref{jobs[0].Task.Ref()}, 0)
	s.must(err)
	refused(id, "resolve", `{"outcome":"success"}`, 409, "not_suspect")
	s.end(tasks.ConnectorResult{Effect: tasks.Unknown})
	refused(id, "retry", "", 409, "task_ended")
	refused(id, "release", "", 409, "not_spent")
	refused(id, "resolve", `{"outcome":"still_premium"}`, 422, "outcome_invalid")
	refused(id, "resolve", `{"outcome":""}`, 422, "outcome_invalid")
	refused(id, "resolve", `{}`, 422, "outcome_invalid")
	refused(id, "resolve", `{"outcome":null}`, 422, "field_invalid")
	post(id, "resolve", `{"outcome":"success"}`, shownTask{State: "ended", Outcome: "success", Slot: "spent"})
	post(id, "release", "{}", shownTask{State: "ended", Outcome: "success", Slot: "free"})
	refused(id, "release", "", 409, "not_spent")
	post(s.suspect("L"), "resolve", `{"outcome":"wrong_address"}`, shownTask{State: "ended", Outcome: "wrong_address", Slot: "free"})
	if woken != 1 {
		t.Errorf("woken %d times", woken)
	}
}

// TestNoSecrets checks that answers and log contain no account data, and that the log contains
// no key.
func TestNoSecrets(t *testing.T) {
	s := newFixture(t)
	own := keys.Generate([keys.EntropyBytes]byte{2})
	s.plan("p", "US", 9)
	s.importKeys(keys.Key{Code: own})
	id := s.accept(own)
	said := ""
	for _, target := range []string{"/keys", "/keys/" + string(own), "/tasks", "/tasks/" + id, "/plans", "/stock"} {
		said += s.send(http.MethodGet, target, "").body
	}
	said += s.send(http.MethodPost, "/tasks/"+id+"/retry", "").body + s.send(http.MethodPost, "/keys/"+string(own)+"/revoke", "").body
	s.refused(s.send(http.MethodGet, "/stock", "", as("canary-token")), 401, "unauthorized")
	for _, secret := range []string{"canary", reader, writer, "sealed"} {
		if strings.Contains(said+s.log.String(), secret) {
			t.Errorf("%s is in a response or in the log", secret)
		}
	}
	if strings.Contains(s.log.String(), string(own)) {
		t.Errorf("the log has the key: %s", s.log)
	}
}
