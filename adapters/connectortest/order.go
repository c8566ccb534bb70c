package connectortest

import (
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// NewRequest returns the first attempt of a new task, for an account with that login. The other secrets of the
// account are random, so that [FindLeak] does not find them by chance.
func NewRequest(kind tasks.Kind, login string) tasks.ConnectorRequest {
	o := tasks.ConnectorRequest{Task: rand.Text(), Kind: kind, Country: "US", Ordinal: 1, Attempt: 1}
	o.Account.Login = tasks.NewSecret(login)
	o.Account.Password = tasks.NewSecret(`pwd "<&é> ` + rand.Text())
	switch kind {
	case tasks.Upgrade:
		o.Plan = tasks.PlanSnapshot{ID: "plan-" + rand.Text(), Address: "1 Main Street", Invite: "https://invite.example/a?b=1&c=2"}
	case tasks.Renew:
		o.Account.NewEmail = tasks.NewSecret("new." + rand.Text() + "@example.com")
		o.Account.NewPassword = tasks.NewSecret(`new "<&é> ` + rand.Text())
	}
	return o
}

// orders yields a new request for each outcome that can be provoked, with that outcome.
func (s Subject) orders() iter.Seq2[tasks.ConnectorRequest, tasks.Outcome] {
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

// success returns a new request that succeeds.
func (s Subject) success(kind tasks.Kind) tasks.ConnectorRequest {
	return NewRequest(kind, s.Login(kind, tasks.Success))
}

// ask repeats the attempt while the result is [tasks.Pending], for up to [soon]. Each repetition has the next attempt
// number.
func (s Subject) ask(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	for end := time.Now().Add(soon); ; o.Attempt++ {
		a := s.Connector.Do(ctx, o)
		if a.Effect != tasks.Pending || time.Now().After(end) {
			return a
		}
		timer := time.NewTimer(min(max(a.RetryAfter, firstPause), lastPause))
		select {
		case <-timer.C:
		case <-ctx.Done(): // the next attempt returns then
		}
		timer.Stop()
	}
}

// The bounds of the pause after a pending result, whatever pause the connector returns.
const (
	firstPause = time.Millisecond
	lastPause  = 100 * time.Millisecond
)

// again returns the request with that attempt number.
func again(o tasks.ConnectorRequest, attempt int) tasks.ConnectorRequest {
	o.Attempt = attempt
	return o
}

// once returns an error unless the work of the request was done once. It returns nil if effects cannot be counted.
func (s Subject) once(o tasks.ConnectorRequest) error {
	if s.Effects == nil {
		return nil
	}
	if n := s.Effects(o.IdempotencyKey()); n != 1 {
		return fmt.Errorf("done %d times for one key", n)
	}
	return nil
}

// final returns the part of a result that must be the same for all attempts with one key.
func final(a tasks.ConnectorResult) tasks.ConnectorResult {
	a.Note, a.RetryAfter = "", 0
	return a
}
