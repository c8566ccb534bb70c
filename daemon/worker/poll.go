package worker

import (
	"cmp"
	"context"
	"time"

	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/tasks"
)

// pollLoop polls for tasks and dispatches them until ctx ends. It then returns the leases of jobs
// that no worker has started, while the running jobs finish.
func (p *Pool) pollLoop(ctx, calls context.Context) {
	for ctx.Err() == nil {
		p.poll(ctx, calls)
		p.waitForPoll(ctx)
	}
	unused := p.takeWaiting()
	p.workers.Go(func() { p.returnLeases(ctx, unused) })
}

func (p *Pool) interval() time.Duration { return cmp.Or(p.PollInterval, time.Second) }

// waitForPoll waits for the poll interval less up to a fifth, so that daemons do not poll in step. It
// returns earlier if ctx ends or a poll is requested.
func (p *Pool) waitForPoll(ctx context.Context) {
	d := p.interval()
	clock.SleepOrWake(ctx, d-time.Duration(float64(d)*p.Engine.Jitter()/5), p.wake)
}

// pollTimeout limits the duration of a poll. The end of ctx does not cancel a poll. Otherwise the
// store could give leases that the daemon does not know of, and they would have to expire.
const pollTimeout = 5 * time.Second

// poll leases due tasks: one per idle worker, plus the prefetch. If the workers have become slow,
// it first returns the prefetched tasks.
func (p *Pool) poll(ctx, calls context.Context) {
	if p.shouldReturnPrefetched() {
		p.returnLeases(ctx, p.takeWaiting())
	}
	capacity, moreDue := p.leaseCapacity(), true
	if capacity > 0 {
		n, err := p.lease(ctx, capacity)
		p.logState(ctx, "cannot lease tasks", err)
		if err != nil {
			return
		}
		moreDue = n == capacity
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moreDue, p.storeFailing = moreDue, false
	p.dispatch(ctx, calls)
}

func (p *Pool) lease(ctx context.Context, limit int) (n int, err error) {
	work := context.WithoutCancel(ctx)
	ctx, cancel := context.WithTimeout(work, pollTimeout)
	defer cancel()
	leased, err := p.Engine.Lease(ctx, p.Name, limit, p.Lease)
	for _, one := range leased {
		p.track(work, one)
	}
	return len(leased), err
}

// dispatch starts waiting jobs on idle workers. It starts none while the pool is stopping, while too
// many results are being settled, or while the store fails.
//
// If few jobs wait and more tasks may be due, it requests a poll. Requests coalesce while a lease
// is being made, so each lease still takes many tasks. The caller holds mu.
func (p *Pool) dispatch(ctx, calls context.Context) {
	for ctx.Err() == nil && !p.storeFailing && p.idleWorkers() > 0 && len(p.waiting) > 0 {
		p.dispatchJob(ctx, calls, p.pop())
	}
	if p.moreDue && len(p.waiting) <= p.prefetch()/2 && p.spareCapacity() > 0 {
		p.Wake()
	}
}

// pop removes the job that has waited longest from waiting and returns it.
func (p *Pool) pop() (j *job) {
	j, p.waiting = p.waiting[0], p.waiting[1:]
	return j
}

// shouldReturnPrefetched reports whether jobs wait although the throughput is too low for a prefetch.
func (p *Pool) shouldReturnPrefetched() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting) > 0 && p.prefetch() == 0
}

// takeWaiting removes the jobs that no worker has started, and returns them.
func (p *Pool) takeWaiting() []*job {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := p.waiting
	p.waiting = nil
	for _, j := range waiting {
		delete(p.jobs, j.Task.Ref())
		j.expiry.Stop()
		j.cancel()
	}
	return waiting
}

// returnLeases ends the leases of unused jobs, so that any daemon can lease those tasks.
func (p *Pool) returnLeases(ctx context.Context, unused []*job) {
	if len(unused) == 0 {
		return
	}
	refs := make([]tasks.Ref, len(unused))
	for i, j := range unused {
		refs[i] = j.Task.Ref()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pollTimeout)
	defer cancel()
	_, err := p.Engine.Store.Extend(ctx, refs, 0)
	p.logState(ctx, "cannot return leases, they expire by themselves", err)
}

// leaseCapacity returns how many tasks to lease now.
func (p *Pool) leaseCapacity() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spareCapacity()
}

// spareCapacity returns idle workers plus prefetch, minus the jobs that wait already. The caller
// holds mu.
func (p *Pool) spareCapacity() int { return p.idleWorkers() + p.prefetch() - len(p.waiting) }

// idleWorkers returns how many workers may start a job: Workers minus the running connector calls. It
// is less if more than Workers results are being settled, because at most 2×Workers jobs are in
// progress. The caller holds mu.
func (p *Pool) idleWorkers() int {
	started := len(p.jobs) - len(p.waiting)
	return min(p.Workers-p.calling, 2*p.Workers-started)
}

// prefetch returns how many tasks to lease in advance: Workers if at least Workers tasks finish per
// second, otherwise 0. So no task waits here for much longer than a second while another daemon has
// idle workers.
//
// If this daemon dies, prefetched tasks count as attempted, because no record shows that the
// provider was not called. The caller holds mu.
func (p *Pool) prefetch() int {
	if p.throughput.at(p.Engine.Now()) < p.Workers {
		return 0
	}
	return p.Workers
}

// A throughput measures tasks finished per second, over the last second or more.
type throughput struct {
	since     time.Time
	now, last int
}

func (t *throughput) count(now time.Time) {
	if d := now.Sub(t.since); d >= time.Second {
		t.last = int(float64(t.now) / d.Seconds())
		t.now, t.since = 0, now
	}
	t.now++
}

// at returns the throughput at a given time. It is 0 if the measurement is 2 seconds old or older,
// because then no task has finished recently.
func (t *throughput) at(now time.Time) int {
	if now.Sub(t.since) >= 2*time.Second {
		return 0
	}
	return t.last
}
