package connectortest

import (
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// NewRequest is the first asking of a task that never was, for an account with that login. Its other
// secrets are unlike any text that could be found by chance; see [FindLeak].
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

// orders makes one for each outcome that can be provoked.
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

// success makes one that succeeds.
func (s Subject) success(kind tasks.Kind) tasks.ConnectorRequest {
	return NewRequest(kind, s.Login(kind, tasks.Success))
}

// ask asks until the provider is at work no more, for at most [soon].
func (s Subject) ask(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	for end := time.Now().Add(soon); ; o.Attempt++ {
		a := s.Connector.Do(ctx, o)
		if a.Effect != tasks.Pending || time.Now().After(end) {
			return a
		}
		timer := time.NewTimer(min(max(a.RetryAfter, firstPause), lastPause))
		select {
		case <-timer.C:
		case <-ctx.Done(): // and so the next asking ends it
		}
		timer.Stop()
	}
}

// The bounds of the pause before an order at work is asked about again, whatever the connector says.
const (
	firstPause = time.Millisecond
	lastPause  = 100 * time.Millisecond
)

// again is the order's asking of that number.
func again(o tasks.ConnectorRequest, attempt int) tasks.ConnectorRequest {
	o.Attempt = attempt
	return o
}

// once says that the work of an order was done once.
func (s Subject) once(o tasks.ConnectorRequest) error {
	if s.Effects == nil {
		return nil
	}
	if n := s.Effects(o.IdempotencyKey()); n != 1 {
		return fmt.Errorf("done %d times for one key", n)
	}
	return nil
}

// final is what must be the same in each answer to a key.
func final(a tasks.ConnectorResult) tasks.ConnectorResult {
	a.Note, a.RetryAfter = "", 0
	return a
}
