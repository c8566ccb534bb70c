package worker

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// lookout polls for tasks and dispatches them until ctx ends. It then returns the leases of jobs
// that no worker has started, while the running jobs finish.
func (c *Pool) lookout(ctx, asking context.Context) {
	for ctx.Err() == nil {
		c.look(ctx, asking)
		c.pauseOrWake(ctx, jittered(c.interval(), c.Engine.Jitter()))
	}
	unused := c.dismiss()
	c.hands.Go(func() { c.giveBack(ctx, unused) })
}

func (c *Pool) interval() time.Duration {
	if c.PollInterval == 0 {
		return time.Second
	}
	return c.PollInterval
}

func jittered(d time.Duration, jitter float64) time.Duration {
	return d - time.Duration(float64(d)*jitter/5)
}

func (c *Pool) pauseOrWake(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-c.wake:
	}
}

// lookTime limits the duration of a poll. The end of ctx does not cancel a poll. Otherwise the
// store could give leases that the daemon does not know of, and they would have to expire.
const lookTime = 5 * time.Second

// look leases due tasks: one per idle worker, plus the prefetch. If the workers have become slow,
// it first returns the prefetched tasks.
func (c *Pool) look(ctx, asking context.Context) {
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

func (c *Pool) lease(ctx context.Context, most int) (n int, err error) {
	work := context.WithoutCancel(ctx)
	bound, cancel := context.WithTimeout(work, lookTime)
	defer cancel()
	leased, err := c.Engine.Lease(bound, c.Name, most, c.Lease)
	for _, one := range leased {
		c.enlist(work, one)
	}
	return len(leased), err
}

// goOn dispatches waiting jobs to idle workers. It dispatches nothing while the pool is stopping,
// while too many results are being settled, or while the store fails.
//
// If few jobs wait and more tasks may be due, it requests a poll. Requests coalesce while a lease
// is being made, so each lease still takes many tasks. The caller holds mu.
func (c *Pool) goOn(ctx, asking context.Context) {
	for ctx.Err() == nil && !c.failing && c.idle() > 0 && len(c.waiting) > 0 {
		c.start(ctx, asking, c.next())
	}
	if c.more && len(c.waiting) <= c.ahead()/2 && c.spare() > 0 {
		c.Wake()
	}
}

// idle returns how many workers may start a job: Workers minus the running connector calls. It is
// less if more than Workers results are being settled, because at most 2×Workers jobs are in
// progress.
func (c *Pool) idle() int {
	taken := len(c.jobs) - len(c.waiting)
	return min(c.Workers-c.asking, 2*c.Workers-taken)
}

// stalled reports whether jobs wait although the throughput is too low for a prefetch.
func (c *Pool) stalled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting) > 0 && c.ahead() == 0
}

// dismiss removes the jobs that no worker has started, and returns them.
func (c *Pool) dismiss() []*job {
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

// giveBack ends the leases of unused jobs, so that any daemon can lease those tasks.
func (c *Pool) giveBack(ctx context.Context, unused []*job) {
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

// note records after a poll whether more tasks may be due, and dispatches jobs.
func (c *Pool) note(ctx, asking context.Context, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.more, c.failing = more, false
	c.goOn(ctx, asking)
}

// room returns how many tasks to lease now.
func (c *Pool) room() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spare()
}

// spare returns how many tasks to lease now: idle workers plus prefetch, minus the jobs that wait
// already. The caller holds mu.
func (c *Pool) spare() int { return c.idle() + c.ahead() - len(c.waiting) }

// ahead returns how many tasks to lease in advance: Workers if at least Workers tasks finish per
// second, otherwise 0. So no task waits here for much longer than a second while another daemon has
// idle workers.
//
// If this daemon dies, prefetched tasks count as attempted, because no record shows that the
// provider was not called.
func (c *Pool) ahead() int {
	if c.pace.of(c.Engine.Now()) < c.Workers {
		return 0
	}
	return c.Workers
}

// A pace measures throughput: tasks finished per second, over the last second or more.
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

// of returns the throughput at a given time. It is 0 if the measurement is 2 seconds old or older,
// because then no task has finished recently.
func (p *pace) of(at time.Time) int {
	if at.Sub(p.since) >= 2*time.Second {
		return 0
	}
	return p.last
}
