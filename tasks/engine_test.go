package tasks_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// TestAcceptWithLostResult tests that Accept repeats the same change if the store's result is lost. The store applies
// the change once.
func TestAcceptWithLostResult(t *testing.T) {
	for name, faults := range map[string][]fault{
		"no fault":                 nil,
		"the call lost":            {callLost},
		"the answer lost":          {answerLost},
		"both, again and again":    {callLost, answerLost, callLost, answerLost, answerLost},
		"a conflict, then no news": {verdictOf(tasks.ErrConflict), answerLost},
	} {
		s := open(t)
		s.key(keys.Key{Status: keys.Active})
		s.plan("elm", "US", 1)
		s.applies = faults
		if err := s.Accept(t.Context(), s.request(tasks.Upgrade)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if ids := slices.Compact(s.applied); len(ids) != 1 {
			t.Errorf("%s: the changes were %v", name, s.applied)
		}
		if events := s.history(); len(events) != 1 || s.plans()[0].Held != 1 || s.view().Key.Status != keys.InQueue {
			t.Errorf("%s: %+v", name, events)
		}
	}
}

// TestAcceptGivesUp tests that Accept returns the store's error when the context of the call ends.
func TestAcceptGivesUp(t *testing.T) {
	s := open(t)
	s.key(keys.Key{Status: keys.Active})
	s.plan("elm", "US", 1)
	ctx, cancel := context.WithCancel(t.Context())
	s.applies = []fault{callLost, func(func() ([]error, error)) ([]error, error) { cancel(); return nil, errAway }, callLost}
	if err := s.Accept(ctx, s.request(tasks.Upgrade)); !errors.Is(err, errAway) || len(s.applied) != 2 {
		t.Errorf("%v after %d calls", err, len(s.applied))
	}
}

// TestPauses tests that the pauses between tries become longer while the store is not available.
func TestPauses(t *testing.T) {
	s := open(t)
	s.key(keys.Key{Status: keys.Success, Used: true})
	s.views = []error{errAway, errAway}
	s.applies = slices.Repeat([]fault{callLost}, 8)
	if err := s.Accept(t.Context(), s.request(tasks.Renew)); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(s.pauses); got != "[50ms 100ms 50ms 100ms 200ms 400ms 800ms 1s 1s]" {
		t.Error(got)
	}
}

// TestNoPauseAfterLastTry tests that the last failed try returns immediately.
func TestNoPauseAfterLastTry(t *testing.T) {
	s := open(t)
	s.key(keys.Key{Status: keys.Success, Used: true})
	const tries = 20
	s.applies = slices.Repeat([]fault{callLost}, 1+tries) // one call with the undecided change, then the tries
	if err := s.Accept(t.Context(), s.request(tasks.Renew)); !errors.Is(err, errAway) || len(s.pauses) != tries-1 {
		t.Errorf("%v after %d pauses", err, len(s.pauses))
	}
}

// TestAcceptIsOneCall tests that one call of the store accepts or refuses a request.
func TestAcceptIsOneCall(t *testing.T) {
	s := open(t)
	s.key(keys.Key{Status: keys.Active})
	s.plan("elm", "US", 1)
	s.views = []error{errAway}
	for i, want := range []error{nil, tasks.UpgradeOpen} {
		if err := s.Accept(t.Context(), s.request(tasks.Upgrade)); !errors.Is(err, want) || len(s.applied) != i+1 || len(s.views) != 1 {
			t.Errorf("%v after %d changes and %d reads, want %v", err, len(s.applied), 1-len(s.views), want)
		}
	}
	if events := s.history(); len(events) != 1 {
		t.Errorf("the history is %+v", events)
	}
}

func TestAcceptRetriesConflicts(t *testing.T) {
	for n := range 100 {
		s := open(t)
		s.key(keys.Key{Status: keys.Success, Used: true})
		s.applies = slices.Repeat([]fault{verdictOf(tasks.ErrConflict)}, n)
		err := s.Accept(t.Context(), s.request(tasks.Renew))
		if accepted := s.view().Key.Status == keys.InQueue; accepted != (err == nil) || accepted != (n < 64) {
			t.Errorf("after %d conflicts: %v, and the task is accepted: %v", n, err, accepted)
		}
	}
	s := open(t)
	s.key(keys.Key{Status: keys.Success, Used: true})
	s.applies = slices.Repeat([]fault{verdictOf(tasks.ErrConflict)}, 1000)
	if err := s.Accept(t.Context(), s.request(tasks.Renew)); !errors.Is(err, tasks.ErrConflict) || len(s.applied) > 100 {
		t.Errorf("%v after %d rounds", err, len(s.applied))
	}
}

// TestEngineAcceptOutOfStock tests that no account is stored and no task is leased after a claim without a slot.
func TestEngineAcceptOutOfStock(t *testing.T) {
	s := open(t)
	s.key(keys.Key{Status: keys.Active})
	s.plan("elm", "US", 0)
	s.plan("fir", "DE", 1)
	if err := s.Accept(t.Context(), s.request(tasks.Upgrade)); err != nil {
		t.Fatal(err)
	}
	v := s.view()
	if v.Key.Status != keys.FailedUpgrade || v.Task.Outcome != tasks.OutOfStock || v.Task.Open() || v.Task.Sealed != nil || v.Task.Plan.ID != "" {
		t.Errorf("%+v, %+v", v.Key, *v.Task)
	}
	if jobs, err := s.Lease(t.Context(), "worker", 10, ttl); len(jobs) != 0 || err != nil {
		t.Errorf("%v, %v", jobs, err)
	}
}

// TestShortageIsNotRemembered tests that Accept claims again after a conflict, although the first claim found no
// slot.
func TestShortageIsNotRemembered(t *testing.T) {
	s := open(t)
	s.key(keys.Key{Status: keys.Active})
	s.plan("elm", "US", 1)
	s.applies = []fault{verdictOf(stock.ErrOutOfStock), verdictOf(tasks.ErrConflict)}
	if err := s.Accept(t.Context(), s.request(tasks.Upgrade)); err != nil || s.view().Key.Status != keys.InQueue {
		t.Errorf("%v, %+v", err, s.view().Key)
	}
}

func TestAcceptRefusals(t *testing.T) {
	s := open(t)
	if err := s.Accept(t.Context(), s.request(tasks.Upgrade)); !errors.Is(err, tasks.UnknownKey) {
		t.Error(err)
	}
	s.key(keys.Key{Status: keys.Active})
	s.applies = []fault{func(func() ([]error, error)) ([]error, error) {
		s.vanish = true
		return []error{tasks.ErrConflict}, nil
	}}
	if err := s.Accept(t.Context(), s.request(tasks.Upgrade)); !errors.Is(err, tasks.KeyGone) {
		t.Errorf("a key that vanished: %v", err)
	}
}

type broken struct{ box }

func (broken) Seal(_, _ []byte) ([]byte, error) { return nil, errAway }

func TestAcceptNeedsASeal(t *testing.T) {
	s := open(t)
	s.Sealer = broken{}
	s.key(keys.Key{Status: keys.Success, Used: true})
	if err := s.Accept(t.Context(), s.request(tasks.Renew)); !errors.Is(err, errAway) || len(s.applied) != 0 {
		t.Errorf("%v, applied %v", err, s.applied)
	}
}

// TestReadsAreRepeated tests that a read is repeated after a broken connection. If the store stays unavailable, the
// read returns the store's error.
func TestReadsAreRepeated(t *testing.T) {
	for failures, want := range []error{nil, nil, nil, errAway} {
		s := open(t)
		s.key(keys.Key{Status: keys.Active, Message: "hello"})
		s.plan("elm", "US", 1)
		s.views = slices.Repeat([]error{errAway}, failures)
		k, err := s.Info(t.Context(), "K")
		if !errors.Is(err, want) || err == nil && k.Message != "hello" {
			t.Errorf("info after %d failures: %+v, %v", failures, k, err)
		}
		s.views = slices.Repeat([]error{errAway}, failures)
		levels, err := s.Stock(t.Context())
		if !errors.Is(err, want) || err == nil && len(levels) != 1 {
			t.Errorf("stock after %d failures: %+v, %v", failures, levels, err)
		}
		s.applies, s.views = []fault{callLost}, slices.Repeat([]error{errAway}, failures)
		if err := s.Accept(t.Context(), s.request(tasks.Upgrade)); !errors.Is(err, want) {
			t.Errorf("accept after %d failures: %v", failures, err)
		}
	}
	s := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.views = []error{errAway, nil}
	if _, err := s.Snapshot(ctx, "K"); !errors.Is(err, errAway) || len(s.views) != 1 {
		t.Errorf("an ended context: %v", err)
	}
}

// TestAccountArrives tests that the connector receives the submitted account unchanged, except for invisible
// characters at the ends of the login. The store has the account only sealed and bound to the task.
func TestAccountArrives(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "a:b,c", "3:abc,", "0:,0:,0:,", "\x00", strings.Repeat("ß", 127)}))
		login, password, email := "l"+text.Draw(r, "login"), "password 1"+text.Draw(r, "password"), "new@example.com"
		next := rapid.SampledFrom([]string{"", "password 2" + text.Draw(r, "next")}).Draw(r, "new password")
		if len(login) > 254 {
			login = "ann"
		}
		s := open(t)
		s.key(keys.Key{Status: keys.Success, Used: true})
		q := tasks.Request{Kind: tasks.Renew, Code: "K", Country: "us", Account: tasks.Account{
			Login: tasks.NewSecret(login), Password: tasks.NewSecret(password),
			NewEmail: tasks.NewSecret(email), NewPassword: tasks.NewSecret(next),
		}}
		if err := s.Accept(t.Context(), q); err != nil {
			r.Fatal(err)
		}
		if sealed := string(s.view().Task.Sealed); !strings.HasPrefix(sealed, "id1\x00renew\x00K\x00\x00") || strings.Contains(sealed, "password ") {
			r.Fatalf("sealed is %q", sealed)
		}
		s.work(s.lease())
		got := s.orders[0].Account
		for i, want := range []string{keys.Trim(login), password, email, next} {
			if secret := got.Secrets()[i].Reveal(); secret != want {
				r.Fatalf("secret %d is %q, want %q", i, secret, want)
			}
		}
	})
}

// TestUpgradeHasNoNewAccount tests that an upgrade drops the fields of a renew, and that a renew trims its new address.
func TestUpgradeHasNoNewAccount(t *testing.T) {
	for kind, want := range map[tasks.Kind][2]string{tasks.Upgrade: {"", ""}, tasks.Renew: {"new@example.com", strongPassword}} {
		s := open(t)
		s.key(keys.Key{Status: keys.Active, Used: kind == tasks.Renew})
		s.plan("elm", "US", 1)
		q := s.request(kind)
		q.Country, q.Account.NewEmail, q.Account.NewPassword = "\u200bus ", tasks.NewSecret(" new@example.com\u200b"), tasks.NewSecret(strongPassword)
		if err := s.Accept(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		s.work(s.lease())
		got := s.orders[0].Account
		if email, password := got.NewEmail.Reveal(), got.NewPassword.Reveal(); email != want[0] || password != want[1] || s.orders[0].Country != "US" {
			t.Errorf("%s: %q, %q, %s", kind, email, password, s.orders[0].Country)
		}
	}
}

// unsure is a store that returns leases together with an error, because the leases may not have been committed.
type unsure struct{ tasks.Store }

func (u unsure) Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]tasks.Snapshot, error) {
	views, err := u.Store.Lease(ctx, worker, n, ttl)
	return views, errors.Join(err, errAway)
}

// TestUncertainLeaseReturnsNoJob tests that Lease returns no job if the store returns leases with an error.
func TestUncertainLeaseReturnsNoJob(t *testing.T) {
	s := open(t)
	s.key(keys.Key{Status: keys.Active})
	s.plan("elm", "US", 1)
	if err := s.Accept(t.Context(), s.request(tasks.Upgrade)); err != nil {
		t.Fatal(err)
	}
	s.Store = unsure{s.Store}
	if jobs, err := s.Lease(t.Context(), "worker", 10, ttl); len(jobs) != 0 || !errors.Is(err, errAway) {
		t.Errorf("%d jobs, %v", len(jobs), err)
	}
}
