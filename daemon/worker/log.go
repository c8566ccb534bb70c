package worker

import (
	"context"
	"errors"
	"log/slog"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/tasks"
)

// report observes and logs a finished job. Each task has one line when it ends. The lines about
// attempts that leave a task open are limited, because a provider that is down causes them for
// every task.
func (p *Pool) report(ctx context.Context, r tasks.Report) {
	if p.Observe != nil {
		p.Observe(r)
	}
	attrs := []slog.Attr{
		slog.String("task", r.Task.ID), slog.String("kind", string(r.Task.Kind)), slog.Int("attempts", r.Task.Attempts),
		slog.String("key", r.Task.Code.Fingerprint()), slog.Duration("duration", r.Took), slog.String("note", r.Result.Note),
	}
	outcome := slog.String("outcome", string(r.Task.Outcome))
	switch {
	case errors.Is(r.Err, tasks.ErrFenced): // another worker has the task now
		p.logRepeated(ctx, slog.LevelWarn, "lease lost", "", attrs...)
	case r.Err != nil:
		p.logRepeated(ctx, slog.LevelError, "cannot settle", "", append(attrs, slog.String("error", r.Err.Error()))...)
	case r.Result.Effect == tasks.Settled && !r.Result.Outcome.Fits(r.Task.Kind):
		p.logRepeated(ctx, slog.LevelError, "the connector gave an outcome that does not fit", "", append(attrs, outcome)...)
	case r.Unopened != nil && r.Task.Open():
		why := r.Unopened.Error()
		p.logRepeated(ctx, slog.LevelError, "the account of a task does not open, so the provider was not called", why,
			append(attrs, slog.String("error", why), slog.Time("due", r.Task.DueAt))...)
	case !r.Task.Open():
		p.Log.LogAttrs(ctx, slog.LevelInfo, "ended", append(attrs, outcome, slog.String("slot", string(r.Task.Slot)))...)
	case r.Result.Effect == tasks.Pending:
		p.Log.LogAttrs(ctx, slog.LevelDebug, "the provider is still at work", append(attrs, slog.Time("due", r.Task.DueAt))...)
	default:
		p.logRepeated(ctx, slog.LevelWarn, "attempt failed, the task stays open", r.Result.Note, append(attrs, slog.Time("due", r.Task.DueAt))...)
	}
}

// logRepeated logs a line through the log limiter. Lines with the same message and reason share one
// limit.
func (p *Pool) logRepeated(ctx context.Context, level slog.Level, message, reason string, attrs ...slog.Attr) {
	p.repeated.Log(ctx, p.Log, loglimit.Event{Subject: message + ": " + reason, Level: level, Message: message, Attrs: attrs})
}

// logState logs that an operation on the store failed, or that it works again (err is nil).
func (p *Pool) logState(ctx context.Context, failure string, err error) {
	if err != nil {
		p.repeated.Log(ctx, p.Log, loglimit.Event{
			Subject: failure, Level: slog.LevelError, Message: failure, Attrs: []slog.Attr{slog.String("error", err.Error())},
		})
		return
	}
	p.repeated.Recovered(ctx, failure)
}
