// Package connectortest tests whether connectors keep the contract of [tasks.Connector]. It also has a fake of
// a provider's service for such tests.
//
// [Run] is the conformance suite. A test of a connector defines how to make a connector and how to provoke an outcome:
//
//	func TestContract(t *testing.T) {
//		connectortest.Run(t, func(t testing.TB) connectortest.Subject {
//			return connectortest.Subject{Connector: mine.New(), Slow: mine.NewSlow(), Login: mine.LoginFor}
//		})
//	}
//
// A [Provider] is a fake of the service behind the HTTP connector. It keeps a ledger of the work that it has done for
// each idempotency key. The ledger does not depend on the database of keyseat. The words of the login define how the
// Provider misbehaves:
//
//	cut_after+503=2+success@example.com
//	│         │     │
//	│         │     └─ the third and all later attempts: 200 with that outcome
//	│         └─ the second attempt of the key: 503 with Retry-After: 2
//	└─ the first attempt: carried out, but the connection is cut before the response
//
// [Provider] lists the words.
package connectortest

import (
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/tasks"
)

// A Subject is a connector under test.
type Subject struct {
	// Connector is a connector whose provider is fast. While the provider works, the connector may return
	// [tasks.Pending]. The suite then repeats the attempt for up to 5 seconds.
	Connector tasks.Connector

	// Slow is a connector of the same kind whose provider takes a minute or longer for any request. It is required.
	Slow tasks.Connector

	// Login returns a login whose tasks end with that outcome, or "" if the outcome cannot be provoked. It must
	// return a login for success. A correct result must not contain the login.
	Login func(kind tasks.Kind, outcome tasks.Outcome) string

	// Effects returns how often the work of an idempotency key was done. It is nil if that cannot be counted.
	Effects func(key string) int
}

// A Factory makes a new subject for one test. It uses t.Cleanup to close the subject's resources.
type Factory func(t testing.TB) Subject

// NewRequest returns the first attempt of a new task, for an account with that login. The other secrets of the
// account are random, so that [FindLeak] does not find them by chance.
func NewRequest(kind tasks.Kind, login string) tasks.ConnectorRequest {
	r := tasks.ConnectorRequest{Task: rand.Text(), Kind: kind, Country: "US", Ordinal: 1, Attempt: 1}
	r.Account.Login = tasks.NewSecret(login)
	r.Account.Password = tasks.NewSecret(`pwd "<&é> ` + rand.Text())
	switch kind {
	case tasks.Upgrade:
		r.Plan = tasks.PlanSnapshot{ID: "plan-" + rand.Text(), Address: "1 Main Street", Invite: "https://invite.example/a?b=1&c=2"}
	case tasks.Renew:
		r.Account.NewEmail = tasks.NewSecret("new." + rand.Text() + "@example.com")
		r.Account.NewPassword = tasks.NewSecret(`new "<&é> ` + rand.Text())
	}
	return r
}

// requests yields, for each outcome that can be provoked, a new request and the outcome.
func (s Subject) requests() iter.Seq2[tasks.ConnectorRequest, tasks.Outcome] {
	return func(yield func(tasks.ConnectorRequest, tasks.Outcome) bool) {
		for _, kind := range tasks.Kinds() {
			for _, outcome := range tasks.Outcomes(kind) {
				login := s.Login(kind, outcome)
				if login != "" && !yield(NewRequest(kind, login), outcome) {
					return
				}
			}
		}
	}
}

func (s Subject) succeeding(kind tasks.Kind) tasks.ConnectorRequest {
	return NewRequest(kind, s.Login(kind, tasks.Success))
}

// The bounds of the pause after a pending result, whatever pause the connector returns.
const (
	minPause = time.Millisecond
	maxPause = 100 * time.Millisecond
)

// doUntilDone repeats the attempt while the result is [tasks.Pending], for up to [returnTimeout]. Each repetition has
// the next attempt number.
func (s Subject) doUntilDone(ctx context.Context, r tasks.ConnectorRequest) tasks.ConnectorResult {
	for end := time.Now().Add(returnTimeout); ; r.Attempt++ {
		got := s.Connector.Do(ctx, r)
		if got.Effect != tasks.Pending || time.Now().After(end) {
			return got
		}
		_ = clock.Sleep(ctx, min(max(got.RetryAfter, minPause), maxPause)) // an error does not matter, because after the end of ctx the next attempt returns
	}
}

// wantOutcome returns an error unless the request ends with the outcome and its work is done once.
func (s Subject) wantOutcome(ctx context.Context, r tasks.ConnectorRequest, want tasks.Outcome) error {
	if got := s.doUntilDone(ctx, r); got.Effect != tasks.Settled || got.Outcome != want {
		return fmt.Errorf("plan %d of a task that should end with %s: %+v", r.Ordinal, want, got)
	}
	return s.wantOneEffect(r)
}

// wantOneEffect returns an error unless the work of the request was done once. If the subject cannot count the work, it
// returns nil.
func (s Subject) wantOneEffect(r tasks.ConnectorRequest) error {
	if s.Effects == nil {
		return nil
	}
	if n := s.Effects(r.IdempotencyKey()); n != 1 {
		return fmt.Errorf("the work of one key was done %d times", n)
	}
	return nil
}

func withAttempt(r tasks.ConnectorRequest, attempt int) tasks.ConnectorRequest {
	r.Attempt = attempt
	return r
}

// repeatable returns the part of a result that must be the same for all attempts with one key.
func repeatable(r tasks.ConnectorResult) tasks.ConnectorResult {
	r.Note, r.RetryAfter = "", 0
	return r
}

// The times of a test that ends the context of a call.
const (
	contextTimeout = 100 * time.Millisecond // the time until the context ends
	returnTimeout  = 5 * time.Second        // the time limit for Do to return after the end of the context, long enough for slow machines
)
