package worker

import (
	"context"
	"errors"
	"time"

	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/tasks"
)

// Run works until ctx ends. It then leases no more tasks, and waits up to drain for calls that were
// sent to the provider. Shortly before drain is over, it cancels the calls that are left. It
// settles those tasks too.
//
// An error says that some tasks could not be settled in time. Their leases expire by themselves.
func (p *Pool) Run(ctx context.Context, drain time.Duration) error {
	work := context.WithoutCancel(ctx) // calls that were sent continue after ctx ends
	defer p.repeated.Flush(work)
	calls, cancelCalls := context.WithCancel(work)
	defer cancelCalls()
	beats, stop := context.WithCancel(work)
	defer stop()
	go p.keepAlive(beats)
	p.pollLoop(ctx, calls)
	return p.waitDrained(cancelCalls, drain)
}

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

// dispatchJob works on a job in a new goroutine. The job occupies a worker only until its connector
// call returns; settling occupies no worker. The caller holds mu.
func (p *Pool) dispatchJob(ctx, calls context.Context, j *job) {
	p.calling++
	p.workers.Go(func() {
		err := p.work(calls, j, func() { p.release(ctx, calls) })
		p.done(ctx, calls, j, err)
	})
}

// work calls the connector, then release, and settles the task. It returns an error if the store
// fails. A lost lease is not an error.
func (p *Pool) work(calls context.Context, j *job, release func()) error {
	defer j.cancel()
	defer j.expiry.Stop()
	if j.ctx.Err() != nil { // the lease was lost while the job waited
		release()
		p.report(context.WithoutCancel(calls), tasks.Report{Task: *j.Task, Err: tasks.ErrFenced})
		return nil
	}
	attempt := p.call(calls, j)
	release()
	report := p.Engine.Settle(j.ctx, j.Job, attempt) //nolint:contextcheck // the job's context ends with its lease
	p.report(context.WithoutCancel(calls), report)
	p.wakeWhenDue(report)
	if errors.Is(report.Err, tasks.ErrFenced) {
		return nil
	}
	return report.Err
}

// call calls the connector. The call is cancelled when the lease is lost.
func (p *Pool) call(calls context.Context, j *job) tasks.Attempt {
	ctx, cancel := context.WithCancel(calls)
	defer cancel()
	defer context.AfterFunc(j.ctx, cancel)() //nolint:contextcheck // the job's context ends with its lease
	return p.Engine.Call(ctx, j.Job)
}

// release frees the worker of a job whose connector call has returned, and dispatches further jobs.
func (p *Pool) release(ctx, calls context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calling--
	p.dispatch(ctx, calls)
}

// done removes a job and dispatches further jobs, because another task can now be settled.
func (p *Pool) done(ctx, calls context.Context, j *job, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.jobs, j.Task.Ref())
	p.throughput.count(p.Engine.Now())
	p.storeFailing = err != nil
	p.dispatch(ctx, calls)
}

// clockSlack is added to the time until a task is due, because this daemon's clock may be that far
// ahead of the store's clock.
const clockSlack = 2 * time.Millisecond

// wakeWhenDue polls as soon as the task is due again, if the next regular poll would be later.
func (p *Pool) wakeWhenDue(r tasks.Report) {
	if r.Err == nil && r.Task.Open() && r.Again < p.interval() {
		time.AfterFunc(r.Again+clockSlack, p.Wake)
	}
}
