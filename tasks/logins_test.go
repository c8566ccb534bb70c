package tasks_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// limiting returns a shop that limits the tests of logins, with n keys.
func limiting(t *testing.T, n int) *shop {
	s := open(t)
	s.Logins, s.LoginHash = s.store, func(login string) (string, error) { return "hash of " + login, nil }
	s.plan("elm", "US", 1)
	err := s.store.ImportKeys(t.Context(), adminstore.ImportBatch{Type: tasks.EventImported}, func(yield func(keys.Key, error) bool) {
		for i := range n {
			yield(keys.Key{Code: code(i), Status: keys.Active}, nil)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func code(i int) keys.Code { return keys.Code(fmt.Sprint("K", i)) }

// test makes an upgrade of a key with a login. If the provider is called, it answers with the outcome. The result is
// the outcome of the task, and whether the provider was called.
func (s *shop) test(code keys.Code, login string, outcome tasks.Outcome) (tasks.Outcome, bool) {
	s.t.Helper()
	s.provider = func(tasks.ConnectorRequest) tasks.ConnectorResult {
		return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: outcome}
	}
	q := s.request(tasks.Upgrade)
	q.Code, q.Account.Login = code, tasks.NewSecret(login)
	if err := s.Accept(s.t.Context(), q); err != nil {
		s.t.Fatal(err)
	}
	calls := len(s.orders)
	report := s.work(s.lease())
	if called := len(s.orders) > calls; report.Err != nil || report.Limited == called {
		s.t.Fatalf("%+v, called %v", report, called)
	}
	if p := s.plans()[0]; p.Held+p.Suspect != 0 {
		s.t.Errorf("%+v", p)
	}
	return report.Task.Outcome, len(s.orders) > calls
}

// wantTests makes n tests. The provider must be called for the first ones only, whose number is allowed.
func (s *shop) wantTests(n, allowed int, test func(i int) (tasks.Outcome, bool)) {
	s.t.Helper()
	for i := range n {
		outcome, called := test(i)
		if called != (i < allowed) || !called && outcome != tasks.AccountLocked {
			s.t.Fatalf("test %d: called %v, %s", i, called, outcome)
		}
	}
}

// TestLoginLimit tests one login with many keys, in different spellings.
func TestLoginLimit(t *testing.T) {
	s := limiting(t, 100)
	next := 0
	wrong := func(i int) (tasks.Outcome, bool) {
		next++
		return s.test(code(next), []string{"Ann@example.com", "ann@EXAMPLE.com", "ａnn@example.com"}[i%3], tasks.InvalidCredentials)
	}
	s.wantTests(12, 10, wrong)
	if note := s.lastNote(code(next)); !strings.Contains(note, "not called") {
		t.Errorf("the history says %q", note)
	}
	if _, called := s.test(code(50), "bob@example.com", tasks.InvalidCredentials); !called {
		t.Error("another login is limited")
	}
	s.now = s.now.Add(tasks.LoginTestTTL)
	s.wantTests(9, 9, wrong)
	s.now = s.now.Add(tasks.LoginTestTTL - 1) // the time window begins with the first test
	s.wantTests(3, 1, wrong)
}

// lastNote returns the note of the last event of a key.
func (s *shop) lastNote(code keys.Code) string {
	s.t.Helper()
	events, err := s.store.History(s.t.Context(), code)
	if err != nil {
		s.t.Fatal(err)
	}
	return events[len(events)-1].Note
}

// TestSuccessEndsLoginLimit tests a holder who first mistypes the password. A success takes back all tests of the
// login. Other outcomes after the right password take back only their own test.
func TestSuccessEndsLoginLimit(t *testing.T) {
	for outcome, allowed := range map[tasks.Outcome]int{
		tasks.Success: 10, tasks.AlreadyPremium: 1, tasks.SystemError: 1, tasks.InvalidCredentials: 0,
	} {
		s := limiting(t, 100)
		wrong := func(i int) (tasks.Outcome, bool) { return s.test(code(i), "ann", tasks.InvalidCredentials) }
		s.wantTests(9, 9, wrong)
		if _, called := s.test(code(20), "ann", outcome); !called {
			t.Errorf("%s: not called", outcome)
		}
		s.plan("oak", "US", 1)
		s.wantTests(allowed+1, allowed, func(i int) (tasks.Outcome, bool) { return wrong(30 + i) })
	}
}

// TestKeyLoginLimit tests many logins with one key. The outcome means that the passwords were right.
func TestKeyLoginLimit(t *testing.T) {
	s := limiting(t, 2)
	other := func(i int) (tasks.Outcome, bool) {
		s.now = s.now.Add(time.Hour)
		return s.test(code(0), fmt.Sprint("login ", i%10), tasks.AlreadyPremium)
	}
	s.wantTests(14, 14, other) // with ten different logins
	s.wantTests(1, 0, func(int) (tasks.Outcome, bool) { return s.test(code(0), "an eleventh", tasks.AlreadyPremium) })
	if _, called := s.test(code(1), "an eleventh", tasks.AlreadyPremium); !called {
		t.Error("another key is limited")
	}
	s.now = s.now.Add(tasks.KeyLoginTTL)
	s.wantTests(1, 1, other)
}

// TestRunningTestsAreCounted starts many tests of one login simultaneously.
func TestRunningTestsAreCounted(t *testing.T) {
	s := limiting(t, 100)
	for i := range 15 {
		q := s.request(tasks.Upgrade)
		q.Kind, q.Code = tasks.Upgrade, code(i)
		s.plan(fmt.Sprint("plan ", i), "US", 1)
		if err := s.Accept(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	jobs, err := s.Lease(t.Context(), "worker", 100, ttl)
	if err != nil {
		t.Fatal(err)
	}
	for _, job := range jobs {
		s.Call(t.Context(), job)
	}
	if len(jobs) != 15 || len(s.orders) != 10 {
		t.Errorf("%d of %d logins were tested simultaneously", len(s.orders), len(jobs))
	}
}

// failing is a login counter that always fails.
type failing struct{ tasks.LoginCounter }

func (failing) CountLogins(context.Context, []tasks.LoginTest) ([]tasks.LoginCounts, error) {
	return nil, errors.New("no database")
}

// TestUncountedLoginIsNotTested tests that the provider is not called while logins cannot be counted, that this costs
// no attempt, and that the task continues later.
func TestUncountedLoginIsNotTested(t *testing.T) {
	s := upgrading(t)
	s.LoginHash = func(login string) (string, error) { return login, nil }
	s.Logins = failing{s.store}
	report := s.work(s.lease())
	if report.Unopened == nil || !report.Task.Open() || report.Task.Attempts != 0 || report.Task.InDoubt || len(s.orders) != 0 {
		t.Errorf("%+v", report)
	}
	s.Logins, s.now = s.store, report.Task.DueAt
	if report := s.work(s.lease()); report.Task.Outcome != tasks.Success {
		t.Errorf("%+v", report)
	}
}

// TestRetriesAreOneTest tests that all attempts of one task count as one test of the login.
func TestRetriesAreOneTest(t *testing.T) {
	s := upgrading(t)
	s.Logins, s.LoginHash = s.store, func(login string) (string, error) { return login, nil }
	s.provider = func(tasks.ConnectorRequest) tasks.ConnectorResult {
		return tasks.ConnectorResult{Effect: tasks.Pending}
	}
	for range 15 {
		report := s.work(s.lease())
		if report.Limited {
			t.Fatalf("%+v", report)
		}
		s.now = report.Task.DueAt
	}
}

// TestNoKeyTaskLimitIsNoLoginLimit tests that without a limit of tasks per key, logins are not limited either.
func TestNoKeyTaskLimitIsNoLoginLimit(t *testing.T) {
	s := limiting(t, 20)
	s.Rules.KeyTasks = 0
	s.wantTests(12, 12, func(i int) (tasks.Outcome, bool) { return s.test(code(i), "ann", tasks.InvalidCredentials) })
}
