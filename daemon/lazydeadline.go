package daemon

import (
	"context"
	"sync"
	"time"
)

// A lazyDeadline is a context like that of [context.WithDeadline], but its timer starts only when a
// caller begins to wait for its end. Most requests are answered immediately, so that no caller waits
// and no timer is needed. That saves an eighth of the handler's time for an info request.
type lazyDeadline struct {
	context.Context // the context of the request
	at              time.Time

	mu       sync.Mutex
	timed    context.Context // nil: no caller has waited yet
	end      context.CancelFunc
	canceled bool
}

func newLazyDeadline(ctx context.Context, d time.Duration) *lazyDeadline {
	return &lazyDeadline{Context: ctx, at: time.Now().Add(d)}
}

// Deadline implements [context.Context].
func (d *lazyDeadline) Deadline() (at time.Time, has bool) {
	if at, has := d.Context.Deadline(); has && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

// Done implements [context.Context].
func (d *lazyDeadline) Done() <-chan struct{} { return d.start().Done() }

// Err implements [context.Context].
func (d *lazyDeadline) Err() error {
	d.mu.Lock()
	running := d.timed == nil && !d.canceled && d.Context.Err() == nil && time.Now().Before(d.at)
	d.mu.Unlock()
	if running {
		return nil
	}
	return d.start().Err()
}

func (d *lazyDeadline) start() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil {
		d.timed, d.end = context.WithDeadline(d.Context, d.at)
	}
	if d.canceled {
		d.end()
	}
	return d.timed
}

// cancel ends the context immediately, as a [context.CancelFunc] does.
func (d *lazyDeadline) cancel() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.canceled = true; d.end != nil {
		d.end()
	}
}
