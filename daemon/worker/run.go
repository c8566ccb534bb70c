package worker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/keyseat/keyseat/internal/clock"
	"github.com/keyseat/keyseat/tasks"
)

// Run works until ctx ends. It then leases no more tasks, and waits up to drain for calls that were sent to the
// provider. Shortly before the drain is over, it cancels the calls that are still running, and settles their tasks too.
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
		// A random part of the interval, up to a fifth, is left out, so that the daemons do not poll simultaneously.
		jitter := time.Duration(float64(p.interval()) * p.Engine.Jitter() / 5)
		clock.SleepOrWake(ctx, p.interval()-jitter, p.wake)
	}
	unused := p.takeWaiting()
	p.workers.Go(func() { p.returnLeases(ctx, unused) })
}

// pollTimeout limits the duration of a poll. The end of ctx does not cancel a poll. A cancelled poll could leave leases
// in the store that this daemon does not know of. No daemon could work on their tasks until the leases expire.
const pollTimeout = 5 * time.Second

// poll leases due tasks: one per idle worker, plus the prefetch. If too few tasks finish per second for a prefetch, it
// first returns the prefetched tasks.
func (p *Pool) poll(ctx, calls context.Context) {
	if p.shouldReturnPrefetched() {
		p.returnLeases(ctx, p.takeWaiting())
	}
	p.mu.Lock()
	capacity, moreDue := p.spareCapacity(), true
	p.mu.Unlock()
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
// If few jobs wait and more tasks may be due, it requests a poll. All requests during a poll cause one further poll, so
// each poll leases many tasks. The caller holds mu.
func (p *Pool) dispatch(ctx, calls context.Context) {
	for ctx.Err() == nil && !p.storeFailing && p.idleWorkers() > 0 && len(p.waiting) > 0 {
		j := p.waiting[0] // the job that has waited longest
		p.waiting = p.waiting[1:]
		p.calling++ // the job occupies a worker until its connector call returns; settling occupies none
		p.workers.Go(func() {
			err := p.work(calls, j, func() { p.release(ctx, calls) })
			p.done(ctx, calls, j, err)
		})
	}
	if p.moreDue && len(p.waiting) <= p.prefetch()/2 && p.spareCapacity() > 0 {
		p.Wake()
	}
}

// work calls the connector, calls release, and settles the task. It returns the error of the store if the store cannot
// settle the task. It returns nil if the lease was lost.
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
	if report.Err == nil && report.Task.Open() && report.Again < p.interval() { // the task is due before the next regular poll
		time.AfterFunc(report.Again+clockSlack, p.Wake)
	}
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

// done removes a finished job and dispatches further jobs, because the number of jobs in progress is limited.
func (p *Pool) done(ctx, calls context.Context, j *job, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.jobs, j.Task.Ref())
	p.throughput.count(p.Engine.Now())
	p.storeFailing = err != nil
	p.dispatch(ctx, calls)
}

// clockSlack is added to the time until a task is due, because this daemon's clock may be ahead of the database's clock
// by that time.
const clockSlack = 2 * time.Millisecond

// keepAlive sends heartbeats: it extends the leases of all jobs, also of waiting jobs, three times per lease duration.
func (p *Pool) keepAlive(ctx context.Context) {
	tick := time.NewTicker(p.Lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.extendLeases(ctx)
		}
	}
}

// extendLeases extends all leases. It cancels jobs whose lease is lost, or would expire before the next heartbeat.
func (p *Pool) extendLeases(ctx context.Context) {
	refs := p.refs()
	if len(refs) == 0 {
		return
	}
	start := p.Engine.Now() // taken before the store reads its clock, so that leasedUntil is never later than the end of the lease in the store
	ctx, cancel := context.WithTimeout(ctx, p.Lease/3)
	defer cancel()
	verdicts, err := p.Engine.Store.Extend(ctx, refs, p.Lease)
	p.logState(ctx, "cannot extend leases", err)
	for i, ref := range refs {
		verdict := err
		if err == nil {
			verdict = verdicts[i]
		}
		p.onExtended(ref, start, verdict)
	}
}

func (p *Pool) refs() []tasks.Ref {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.jobs))
}

// onExtended handles the result of the heartbeat for one lease.
func (p *Pool) onExtended(ref tasks.Ref, start time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	j, tracked := p.jobs[ref]
	switch {
	case !tracked:
	case err == nil:
		j.leasedUntil = start.Add(p.Lease)
		j.expiry.Reset(j.leasedUntil.Sub(p.Engine.Now()))
	case errors.Is(err, tasks.ErrFenced), !p.Engine.Now().Add(p.Lease / 3).Before(j.leasedUntil):
		j.cancel()
	}
}

// cancelBefore is the time between the cancellation of the remaining connector calls and the end of
// the drain. The tasks that these calls leave open are settled in that time. If the drain is shorter
// than twice this time, the connector calls get half of the drain.
const cancelBefore = 2 * time.Second

// waitDrained waits up to drain for all jobs. It calls cancelCalls at the time that [cancelBefore] defines.
func (p *Pool) waitDrained(cancelCalls context.CancelFunc, drain time.Duration) error {
	done := make(chan struct{})
	go func() {
		p.workers.Wait()
		close(done)
	}()
	defer time.AfterFunc(max(drain-cancelBefore, drain/2), cancelCalls).Stop()
	select {
	case <-done:
		return nil
	case <-time.After(drain):
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.jobs) == 0 {
		return nil
	}
	for _, j := range p.jobs {
		j.cancel()
	}
	return errors.New("some tasks could not be settled in time: their leases expire by themselves")
}
