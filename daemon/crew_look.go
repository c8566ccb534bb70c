package daemon

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// lookout leases tasks and starts them until the context ends.
func (c *Crew) lookout(ctx context.Context, start func(tasks.Job)) {
	for ctx.Err() == nil {
		c.look(ctx, start)
		c.pauseOrWake(ctx, jittered(c.poll(), c.Desk.Jitter()))
	}
}

func (c *Crew) poll() time.Duration {
	if c.Poll == 0 {
		return time.Second
	}
	return c.Poll
}

func jittered(d time.Duration, jitter float64) time.Duration {
	return d - time.Duration(float64(d)*jitter/5)
}

func (c *Crew) pauseOrWake(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-c.wake:
	}
}

// lookTime bounds a look for work. A stop does not cut it short, since a lease that was taken and not
// heard of would have to run out.
const lookTime = 5 * time.Second

// look leases what is due, as many as there are free hands.
func (c *Crew) look(ctx context.Context, start func(tasks.Job)) {
	free := c.free()
	if free <= 0 {
		c.note(true)
		return
	}
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
	defer cancel()
	leased, err := c.Desk.Lease(bound, c.Name, free, c.Lease)
	if err != nil {
		c.Log.ErrorContext(ctx, "cannot lease tasks", "problem", err)
		return
	}
	if ctx.Err() != nil {
		c.giveBack(bound, leased)
		return
	}
	for _, j := range leased {
		start(j)
	}
	c.note(len(leased) == free)
}

// giveBack returns leases that were not used.
func (c *Crew) giveBack(ctx context.Context, leased []tasks.Job) {
	refs := make([]tasks.Ref, len(leased))
	for i, j := range leased {
		refs[i] = j.Task.Ref()
	}
	if _, err := c.Desk.Store.Extend(ctx, refs, 0); err != nil {
		c.Log.ErrorContext(ctx, "cannot give leases back, they will run out", "problem", err)
	}
}

// note keeps whether more may be due than was taken. If so, every hand that comes free has the crew
// look again, and so does one that has come free meanwhile. Leases are of many tasks all the same,
// since while one is under way the wishes for the next become one.
func (c *Crew) note(more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.more = more
	if more && len(c.jobs) < c.Workers {
		c.Wake()
	}
}

func (c *Crew) free() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Workers - len(c.jobs)
}
