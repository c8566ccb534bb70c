package main

import (
	"context"
	"errors"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// A connector calls the provider. It has no state of its own, because the provider knows all earlier calls.
type connector struct{ provider *provider }

var _ tasks.Connector = connector{}

// outcomes maps the provider's results to keyseat's outcomes. If a result is missing here, the connector returns it
// unchanged. An unknown outcome makes keyseat end the task with a system error, and log that.
var outcomes = map[string]tasks.Outcome{
	"joined":          tasks.Success,
	"renewed":         tasks.Success,
	"wrong password":  tasks.InvalidCredentials,
	"account blocked": tasks.AccountLocked,
	"no seat":         tasks.PlanFull,
	"is a member":     tasks.AlreadyMember,
	"not expired":     tasks.StillPremium,
}

// Do implements [tasks.Connector].
func (c connector) Do(ctx context.Context, r tasks.ConnectorRequest) tasks.ConnectorResult {
	result, err := c.provider.Status(ctx, r.IdempotencyKey())
	switch {
	case errors.Is(err, errNoReference):
		return c.submit(ctx, r)
	case err != nil: // a failed look-up has no effect
		return tasks.ConnectorResult{Effect: tasks.None, Note: "the provider does not answer"}
	case result == "":
		return tasks.ConnectorResult{Effect: tasks.Pending, RetryAfter: time.Second}
	}
	outcome, known := outcomes[result]
	if !known {
		outcome = tasks.Outcome(result)
	}
	return tasks.ConnectorResult{Effect: tasks.Settled, Outcome: outcome}
}

// submit starts the work. A later attempt returns its result.
func (c connector) submit(ctx context.Context, r tasks.ConnectorRequest) tasks.ConnectorResult {
	err := c.provider.Submit(ctx, joinRequest{
		Reference: r.IdempotencyKey(), Group: r.Plan.ID, Renew: r.Kind == tasks.Renew,
		Login: r.Account.Login.Reveal(), Password: r.Account.Password.Reveal(), NewEmail: r.Account.NewEmail.Reveal(),
		NewPassword: r.Account.NewPassword.Reveal(),
	})
	switch {
	case err == nil, errors.Is(err, errDuplicate): // duplicate: another process or an earlier attempt has submitted it
		return tasks.ConnectorResult{Effect: tasks.Pending, RetryAfter: time.Second}
	case errors.Is(err, errInvalid):
		return tasks.ConnectorResult{Effect: tasks.Refused, Note: "the provider refuses such a request"}
	}
	return tasks.ConnectorResult{Effect: tasks.Unknown, Note: "it is unknown whether the provider received the request"}
}
