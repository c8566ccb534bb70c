package daemon

import (
	"context"
	"time"
)

// WithDeadline returns a request's deadline, in the manner of [context.WithTimeout].
func WithDeadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	one := newLazyDeadline(ctx, d)
	return one, one.cancel
}
