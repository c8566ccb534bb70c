package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// keepAlive extends the leases of the jobs, also of those that wait, three times in each lease.
func (c *Crew) keepAlive(ctx context.Context) {
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

// beat extends all leases at once, and drops the jobs whose lease is lost or would be by the next.
func (c *Crew) beat(ctx context.Context) {
	refs := c.refs()
	if len(refs) == 0 {
		return
	}
	start := c.Engine.Now() // before the store's clock is read: no lease is believed to last longer than it does
	bound, cancel := context.WithTimeout(ctx, c.Lease/3)
	defer cancel()
	verdicts, err := c.Engine.Store.Extend(bound, refs, c.Lease)
	c.logState(ctx, "cannot extend leases", err)
	for i, ref := range refs {
		c.extended(ref, start, err == nil && verdicts[i] == nil, err == nil && errors.Is(verdicts[i], tasks.ErrFenced))
	}
}

func (c *Crew) refs() []tasks.Ref {
	c.mu.Lock()
	defer c.mu.Unlock()
	refs := make([]tasks.Ref, 0, len(c.jobs))
	for ref := range c.jobs {
		refs = append(refs, ref)
	}
	return refs
}

// extended notes what became of one lease.
func (c *Crew) extended(ref tasks.Ref, start time.Time, ours, lost bool) {
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

// cutting is how long before the end of the drain the askings that are left are cut, so that what
// they leave open can still be settled.
const cutting = 2 * time.Second

// errLeft says that work was left behind.
var errLeft = errors.New("some tasks could not be settled in time: their leases run out by themselves")

// drained waits for all hands.
func (c *Crew) drained(cut context.CancelFunc, drain time.Duration) error {
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

func (c *Crew) dropAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, j := range c.jobs {
		j.drop()
	}
}
