package daemon

import (
	"context"
	"time"
)

// WithDeadline is like [context.WithTimeout], but returns a lazy deadline, as requests of the API have it.
func WithDeadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	one := newLazyDeadline(ctx, d)
	return one, one.cancel
}
