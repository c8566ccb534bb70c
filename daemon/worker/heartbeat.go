package worker

import (
	"context"
	"errors"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// keepAlive sends heartbeats: it extends the leases of all jobs, also of waiting jobs, three times
// per lease duration.
func (c *Pool) keepAlive(ctx context.Context) {
	beat := time.NewTicker(c.Lease / 3)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			c.beat(ctx)
		}
	}
}

// beat extends all leases in one call. It cancels jobs whose lease is lost, or would expire before
// the next heartbeat.
func (c *Pool) beat(ctx context.Context) {
	refs := c.refs()
	if len(refs) == 0 {
		return
	}
	start := c.Engine.Now() // before the store reads its clock, so that no lease is assumed to last longer than it does
	bound, cancel := context.WithTimeout(ctx, c.Lease/3)
	defer cancel()
	verdicts, err := c.Engine.Store.Extend(bound, refs, c.Lease)
	c.logState(ctx, "cannot extend leases", err)
	for i, ref := range refs {
		c.extended(ref, start, err == nil && verdicts[i] == nil, err == nil && errors.Is(verdicts[i], tasks.ErrFenced))
	}
}

func (c *Pool) refs() []tasks.Ref {
	c.mu.Lock()
	defer c.mu.Unlock()
	refs := make([]tasks.Ref, 0, len(c.jobs))
	for ref := range c.jobs {
		refs = append(refs, ref)
	}
	return refs
}

// extended records the result of the heartbeat for one lease.
func (c *Pool) extended(ref tasks.Ref, start time.Time, ours, lost bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	j, working := c.jobs[ref]
	switch {
	case !working:
	case ours:
		j.until = start.Add(c.Lease)
		j.end.Reset(j.until.Sub(c.Engine.Now()))
	case lost, !c.Engine.Now().Add(c.Lease / 3).Before(j.until):
		j.drop()
	}
}

// cutting is the time between the cancellation of the remaining connector calls and the end of the
// drain. The tasks that these calls leave open are settled in that time. If the drain is shorter
// than twice this time, the connector calls get half of the drain.
const cutting = 2 * time.Second

// errLeft says that some tasks were not settled.
var errLeft = errors.New("some tasks could not be settled in time: their leases run out by themselves")

// drained waits up to drain for all workers. It calls cut shortly before that, to cancel the
// remaining connector calls.
func (c *Pool) drained(cut context.CancelFunc, drain time.Duration) error {
	done := make(chan struct{})
	go func() {
		c.hands.Wait()
		close(done)
	}()
	late := time.NewTimer(max(drain-cutting, drain/2))
	defer late.Stop()
	end := time.NewTimer(drain)
	defer end.Stop()
	for {
		select {
		case <-done:
			return nil
		case <-late.C:
			cut()
		case <-end.C:
			c.dropAll()
			return errLeft
		}
	}
}

func (c *Pool) dropAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, j := range c.jobs {
		j.drop()
	}
}
