package daemon

import (
	"context"
	"sync"
	"time"
)

// A deadline is a context like that of [context.WithDeadline], but its timer starts only when a
// caller begins to wait for its end. Most requests are answered immediately, so that no caller
// waits and no timer is needed.
type deadline struct {
	context.Context // the context of the request
	at              time.Time

	mu     sync.Mutex
	timed  context.Context // nil: no caller has waited yet
	cancel context.CancelFunc
	ended  bool
}

func newDeadline(ctx context.Context, d time.Duration) *deadline {
	return &deadline{Context: ctx, at: time.Now().Add(d)}
}

// Deadline implements [context.Context].
func (d *deadline) Deadline() (at time.Time, has bool) {
	if at, has := d.Context.Deadline(); has && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

// Done implements [context.Context].
func (d *deadline) Done() <-chan struct{} { return d.start().Done() }

// Err implements [context.Context].
func (d *deadline) Err() error {
	d.mu.Lock()
	early := d.timed == nil && !d.ended && d.Context.Err() == nil && time.Now().Before(d.at)
	d.mu.Unlock()
	if early {
		return nil
	}
	return d.start().Err()
}

func (d *deadline) start() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil {
		d.timed, d.cancel = context.WithDeadline(d.Context, d.at)
	}
	if d.ended {
		d.cancel()
	}
	return d.timed
}

// end ends the context immediately, as a [context.CancelFunc] does.
func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended = true; d.cancel != nil {
		d.cancel()
	}
}
