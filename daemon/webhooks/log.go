package webhooks

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// report passes an attempt to Observe and logs it. It bounds the number of log lines about an endpoint that
// fails.
func (c *Dispatcher) report(ctx context.Context, d outbox.Delivery) {
	if c.Observe != nil {
		c.Observe(d)
	}
	attrs := []slog.Attr{
		slog.String("endpoint", d.Subscriber), slog.String("event", d.Event), slog.String("type", d.Type),
		slog.String("subject", Subject(d.Code, d.Country)), slog.Int("try", d.Attempt), slog.Int("status", d.Status),
		slog.Duration("took", d.Took), slog.String("note", d.Note),
	}
	reason := fmt.Sprint(d.Subscriber, " ", d.Status)
	switch d.Result {
	case outbox.Delivered:
		c.Log.LogAttrs(ctx, slog.LevelDebug, "webhook delivered", attrs...)
	case outbox.Failed:
		c.logBounded(ctx, slog.LevelWarn, "webhook failed, it is tried again", reason, attrs...)
	case outbox.GivenUp:
		c.logBounded(ctx, slog.LevelError, "webhook given up", reason, attrs...)
	case outbox.SubscriberGone:
		c.logBounded(ctx, slog.LevelError, "the endpoint is gone (410), it is told nothing until `keyseatd webhooks resume`", reason, attrs...)
	}
}

// logBounded logs a line. If lines with the same message and reason repeat, it logs the first one and
// counts the others.
func (c *Dispatcher) logBounded(ctx context.Context, level slog.Level, message, reason string, attrs ...slog.Attr) {
	c.repeated.Log(ctx, c.Log, loglimit.Event{Subject: message + ": " + reason, Level: level, Message: message, Attrs: attrs})
}

// logState logs that the outbox fails, or that it works again. The endpoint is "" if the failure affects
// all endpoints. After the end of ctx it logs nothing, because the error can then be the cancellation
// itself.
func (c *Dispatcher) logState(ctx context.Context, failure, endpoint string, err error) {
	switch {
	case ctx.Err() != nil:
	case err != nil:
		c.logBounded(ctx, slog.LevelError, failure, endpoint, slog.String("endpoint", endpoint), slog.String("error", err.Error()))
	default:
		c.repeated.Recovered(ctx, failure+": "+endpoint)
	}
}
