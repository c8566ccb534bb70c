package daemon

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// lookout leases tasks and has them worked on until the context ends. What no hand has taken up by then
// is given back, while the hands come to their ends.
func (c *Crew) lookout(ctx, asking context.Context) {
	for ctx.Err() == nil {
		c.look(ctx, asking)
		c.pauseOrWake(ctx, jittered(c.poll(), c.Engine.Jitter()))
	}
	unused := c.dismiss()
	c.hands.Go(func() { c.giveBack(ctx, unused) })
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

// look leases what is due, as many as there are free hands, and some ahead. What it leased ahead before
// goes back if the hands have become slow.
func (c *Crew) look(ctx, asking context.Context) {
	if c.stalled() {
		c.giveBack(ctx, c.dismiss())
	}
	free, more := c.room(), true
	if free > 0 {
		n, err := c.lease(ctx, free)
		c.logState(ctx, "cannot lease tasks", err)
		if err != nil {
			return
		}
		more = n == free
	}
	c.note(ctx, asking, more)
}

func (c *Crew) lease(ctx context.Context, most int) (n int, err error) {
	work := context.WithoutCancel(ctx)
	bound, cancel := context.WithTimeout(work, lookTime)
	defer cancel()
	leased, err := c.Engine.Lease(bound, c.Name, most, c.Lease)
	for _, one := range leased {
		c.enlist(work, one)
	}
	return len(leased), err
}

// goOn gives what waits to the hands that are free, unless the crew stops, too much is to be settled or the
// store fails. If few wait then but more may be due, the crew looks. Leases are of many tasks all the same,
// since while one is under way the wishes for the next become one.
func (c *Crew) goOn(ctx, asking context.Context) {
	for ctx.Err() == nil && !c.failing && c.idle() > 0 && len(c.waiting) > 0 {
		c.start(ctx, asking, c.next())
	}
	if c.more && len(c.waiting) <= c.ahead()/2 && c.spare() > 0 {
		c.Wake()
	}
}

// idle is how many hands may take up a job: those that ask about none, unless too much is to be settled.
func (c *Crew) idle() int {
	taken := len(c.jobs) - len(c.waiting)
	return min(c.Workers-c.asking, 2*c.Workers-taken)
}

// stalled says whether tasks wait although hands finish nothing.
func (c *Crew) stalled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting) > 0 && c.ahead() == 0
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
	_, err := c.Engine.Store.Extend(bound, refs, 0)
	c.logState(ctx, "cannot give leases back, they will run out", err)
}

// note keeps whether more may be due than was taken.
func (c *Crew) note(ctx, asking context.Context, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.more, c.failing = more, false
	c.goOn(ctx, asking)
}

// room is how many tasks may be leased.
func (c *Crew) room() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spare()
}

// spare is that: one for each idle hand, and some ahead, less those that wait already.
func (c *Crew) spare() int { return c.idle() + c.ahead() - len(c.waiting) }

// ahead is how many tasks are leased before a hand is free: one for each, while they take less than a
// second, so that none waits here for much longer than that while another daemon has hands free. If this
// one dies, those count as asked about, because nobody knows that they were not.
func (c *Crew) ahead() int {
	if c.pace.of(c.Engine.Now()) < c.Workers {
		return 0
	}
	return c.Workers
}

// A pace is how many were done a second, over the last second or more.
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

// of is the pace at a time, none if nothing was done for long.
func (p *pace) of(at time.Time) int {
	if at.Sub(p.since) >= 2*time.Second {
		return 0
	}
	return p.last
}
