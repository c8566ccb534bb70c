package daemon

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// lookout leases tasks and has them worked on until the context ends. What no hand has taken up by then
// is given back.
func (c *Crew) lookout(ctx, asking context.Context) {
	for ctx.Err() == nil {
		c.look(ctx, asking)
		c.pauseOrWake(ctx, jittered(c.poll(), c.Desk.Jitter()))
	}
	c.giveBack(ctx, c.dismiss())
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

// look leases what is due, as many as there are free hands, and some ahead.
func (c *Crew) look(ctx, asking context.Context) {
	free := c.room()
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
	for _, one := range leased {
		c.take(ctx, asking, c.enlist(context.WithoutCancel(ctx), one))
	}
	c.note(len(leased) == free)
}

// take gives a job to a hand that is free, or has it wait for one. When the crew stops, it waits.
func (c *Crew) take(ctx, asking context.Context, j *job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil || len(c.jobs)-len(c.waiting) > c.Workers {
		c.waiting = append(c.waiting, j)
		return
	}
	c.start(asking, j)
}

// dismiss forgets the jobs that no hand has taken up.
func (c *Crew) dismiss() []*job {
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := c.waiting
	c.waiting = nil
	for _, j := range waiting {
		delete(c.jobs, j.Task.Ref())
		j.end.Stop()
		j.drop()
	}
	return waiting
}

// giveBack returns leases that were not used.
func (c *Crew) giveBack(ctx context.Context, unused []*job) {
	if len(unused) == 0 {
		return
	}
	refs := make([]tasks.Ref, len(unused))
	for i, j := range unused {
		refs[i] = j.Task.Ref()
	}
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
	defer cancel()
	if _, err := c.Desk.Store.Extend(bound, refs, 0); err != nil {
		c.Log.ErrorContext(ctx, "cannot give leases back, they will run out", "problem", err)
	}
}

// note keeps whether more may be due than was taken. If so, the crew looks again whenever hands run out
// of what waits for them, and now if they have meanwhile. Leases are of many tasks all the same, since
// while one is under way the wishes for the next become one.
func (c *Crew) note(more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.more = more
	if more && len(c.waiting) <= c.ahead()/2 && len(c.jobs) < c.Workers+c.ahead() {
		c.Wake()
	}
}

// room is how many tasks may be leased.
func (c *Crew) room() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Workers + c.ahead() - len(c.jobs)
}

// ahead is how many tasks are leased before a hand is free: what the hands do in a second, so that none
// waits here for much longer than that while another daemon has hands free.
func (c *Crew) ahead() int { return min(c.pace.of(c.Desk.Now()), c.Workers) }

// A pace is how many were done in the last whole second.
type pace struct {
	since     time.Time
	now, last int
}

func (p *pace) count(at time.Time) {
	if past := at.Sub(p.since); past >= time.Second {
		p.last = int(float64(p.now) / past.Seconds())
		p.now, p.since = 0, at
	}
	p.now++
}

// of is the pace at a time, none if the last second is long over.
func (p *pace) of(at time.Time) int {
	if at.Sub(p.since) >= 2*time.Second {
		return 0
	}
	return p.last
}
