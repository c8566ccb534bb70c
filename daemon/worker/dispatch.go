package worker

import (
	"context"
	"errors"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

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
