// Package simulator is a connector for demos and tests. It calls no service: a login names the outcome of its tasks.
//
//	account_locked@example.com ──▶ account_locked, if a task of that kind can have this outcome
//	anybody.else@example.com   ──▶ success
package simulator

import (
	"context"
	"strings"
	"time"

	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/tasks"
)

// A Connector ends each task with the outcome that the local part of the login names, in upper or lower case. If the
// local part is not an outcome of the task's kind, the task ends with success.
//
// A Connector keeps no state. The result depends on the request alone, so it is the same in every process.
type Connector struct {
	Delay time.Duration // the pause before each result
}

// Do returns the result after the delay. If the context ends first, the effect is [tasks.Unknown].
func (c Connector) Do(ctx context.Context, r tasks.ConnectorRequest) tasks.ConnectorResult {
	if c.Delay > 0 {
		_ = clock.Sleep(ctx, c.Delay) // its error is that of the context
	}
	if ctx.Err() != nil {
		return tasks.ConnectorResult{Effect: tasks.Unknown, Note: "cut short"}
	}
	result := tasks.ConnectorResult{Effect: tasks.Settled, Outcome: outcome(r)}
	if result.Outcome == tasks.Success && r.Kind == tasks.Upgrade {
		result.Username = "sim-" + strings.ToLower(r.Task[:min(8, len(r.Task))]) // from the task's id, because the login must not be shown
	}
	return result
}

func outcome(r tasks.ConnectorRequest) tasks.Outcome {
	local, _, _ := strings.Cut(r.Account.Login.Reveal(), "@")
	if named := tasks.Outcome(strings.ToLower(local)); named.Fits(r.Kind) {
		return named
	}
	return tasks.Success
}
