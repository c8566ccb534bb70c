package main

import (
	"context"
	"errors"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// A connector calls the club. It has no state of its own, because the club knows all earlier calls.
type connector struct{ club *club }

var _ tasks.Connector = connector{}

// words maps the club's words for results to keyseat's outcomes. The connector returns a word that is
// missing here unchanged. keyseat does not know it, makes a system error of it and logs it.
var words = map[string]tasks.Outcome{
	"joined":          tasks.Success,
	"renewed":         tasks.Success,
	"wrong password":  tasks.InvalidCredentials,
	"account blocked": tasks.AccountLocked,
	"no seat":         tasks.PlanFull,
	"is a member":     tasks.AlreadyMember,
	"not expired":     tasks.StillPremium,
}

// Do implements [tasks.Connector].
func (c connector) Do(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	state, err := c.club.Look(ctx, o.IdempotencyKey())
	switch {
	case errors.Is(err, errNoReference):
		return c.join(ctx, o)
	case err != nil: // a failed look-up has no effect
		return tasks.ConnectorResult{Effect: tasks.None, Note: "the club does not answer"}
	case state == "":
		return tasks.ConnectorResult{Effect: tasks.Pending, RetryAfter: time.Second}
	}
	outcome, known := words[state]
	if !known {
		outcome = tasks.Outcome(state)
	}
	return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: outcome}
}

// join starts the work. A later attempt returns its result.
func (c connector) join(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	err := c.club.Join(ctx, application{
		Reference: o.IdempotencyKey(), Group: o.Plan.ID, Renew: o.Kind == tasks.Renew,
		Login: o.Account.Login.Reveal(), Password: o.Account.Password.Reveal(), NewEmail: o.Account.NewEmail.Reveal(),
		NewPassword: o.Account.NewPassword.Reveal(),
	})
	switch {
	case err == nil, errors.Is(err, errTaken): // taken: another process or an earlier attempt has joined
		return tasks.ConnectorResult{Effect: tasks.Pending, RetryAfter: time.Second}
	case errors.Is(err, errMalformed):
		return tasks.ConnectorResult{Effect: tasks.Refused, Note: "the club does not take such an order"}
	}
	return tasks.ConnectorResult{Effect: tasks.Unknown, Note: "the club did not say whether it has taken the order"}
}
