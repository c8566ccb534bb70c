package simulator

import (
	"context"
	"strings"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// A Connector ends each task as the local part of its login names it, in any case, and with success
// where that is no outcome of the task's kind. It keeps nothing: the same order has the same answer,
// here and in every other process, because the answer depends on nothing else.
type Connector struct {
	Delay time.Duration // before an answer
}

// Do answers after the delay, or with [tasks.Unknown] once the context has ended.
func (c Connector) Do(ctx context.Context, o tasks.ConnectorRequest) tasks.ConnectorResult {
	if err := pause(ctx, c.Delay); err != nil {
		return tasks.ConnectorResult{Effect: tasks.Unknown, Note: "cut short"}
	}
	a := tasks.ConnectorResult{Effect: tasks.Settled, Outcome: outcome(o)}
	if a.Outcome == tasks.Success && o.Kind == tasks.Upgrade {
		a.Username = username(o)
	}
	return a
}

func outcome(o tasks.ConnectorRequest) tasks.Outcome {
	local, _, _ := strings.Cut(o.Account.Login.Reveal(), "@")
	if named := tasks.Outcome(strings.ToLower(local)); named.Fits(o.Kind) {
		return named
	}
	return tasks.Success
}

// username is made up from the task, because the login must not be shown.
func username(o tasks.ConnectorRequest) string {
	return "sim-" + strings.ToLower(o.Task[:min(8, len(o.Task))])
}

func pause(ctx context.Context, delay time.Duration) error {
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}
