package simulator

import (
	"context"
	"strings"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// A Connector ends each task with the outcome that the local part of the login names, in upper or lower case.
// If that is not an outcome of the task's kind, the task ends with success.
//
// A Connector keeps no state. The same request has the same result in every process, because the result
// depends on the request alone.
type Connector struct {
	Delay time.Duration // the pause before each result
}

// Do returns the result after the delay. If the context ends first, the effect is [tasks.Unknown].
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

// username returns a name made from the task id, because the login must not be shown.
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
