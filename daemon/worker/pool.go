package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/tasks"
)

// A Pool is a worker pool. It leases due tasks and calls the connector for up to Workers of them
// simultaneously. While results are being settled, up to 2×Workers tasks are in progress. If at
// least Workers tasks finish per second, it leases up to Workers more in advance.
//
// Use [New] to create a Pool. Set its exported fields before Run, which is called once.
type Pool struct {
	Engine       tasks.Engine
	Name         string             // worker name in each lease, for operators; may be empty
	Workers      int                // connector calls that run simultaneously, at least 1; New sets 64
	Lease        time.Duration      // how long a lease lasts without a heartbeat; New sets 1m
	PollInterval time.Duration      // time between polls, which find tasks that other daemons accepted; 0: 1s
	Log          *slog.Logger       // New sets a logger that discards every line
	Observe      func(tasks.Report) // is called with each report; nil: not called

	wake    chan struct{} // holds up to one request for an immediate poll
	workers sync.WaitGroup

	mu           sync.Mutex
	jobs         map[tasks.Ref]*job
	waiting      []*job // the jobs that no worker has started yet
	calling      int    // number of jobs whose connector call is running
	moreDue      bool   // the last poll took all it could, so more tasks may be due
	storeFailing bool   // the last job could not be settled, and no poll has succeeded since
	throughput   throughput

	repeated loglimit.Limiter // limits log lines that a provider or a database can cause without end
}

// A job is a leased task.
type job struct {
	tasks.Job
	ctx         context.Context // of the work on the job; ends when the lease is lost or the drain is over
	cancel      context.CancelFunc
	leasedUntil time.Time   // by the engine's clock
	expiry      *time.Timer // calls cancel when the lease ends, because the store may not answer before that
}

// New returns a worker pool with default settings. Set its fields to change them.
func New(engine tasks.Engine) *Pool {
	return &Pool{
		Engine: engine, Workers: 64, Lease: time.Minute, Log: slog.New(slog.DiscardHandler),
		wake: make(chan struct{}, 1), jobs: map[tasks.Ref]*job{},
	}
}

// Wake makes the pool poll immediately. It never blocks.
func (p *Pool) Wake() {
	select {
	case p.wake <- struct{}{}:
	default: // a poll is requested already
	}
}

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

// track adds a leased task, which then waits for a worker.
func (p *Pool) track(work context.Context, leased tasks.Job) {
	j := &job{Job: leased, leasedUntil: leased.LeasedAt.Add(p.Lease)}
	j.ctx, j.cancel = context.WithCancel(work)
	j.expiry = time.AfterFunc(j.leasedUntil.Sub(p.Engine.Now()), j.cancel)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.jobs[j.Task.Ref()] = j
	p.waiting = append(p.waiting, j)
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

// report observes and logs a finished job. Each task has one line when it ends. The lines about
// attempts that leave a task open are limited, because a provider that is down causes them for
// every task.
func (p *Pool) report(ctx context.Context, r tasks.Report) {
	if p.Observe != nil {
		p.Observe(r)
	}
	attrs := []slog.Attr{
		slog.String("task", r.Task.ID), slog.String("kind", string(r.Task.Kind)), slog.Int("attempts", r.Task.Attempts),
		slog.String("key", p.Engine.Fingerprints.Fingerprint(r.Task.Code)), slog.Duration("duration", r.Took), slog.String("note", r.Result.Note),
	}
	outcome := slog.String("outcome", string(r.Task.Outcome))
	switch {
	case errors.Is(r.Err, tasks.ErrFenced): // another worker has the task now
		p.logRepeated(ctx, slog.LevelWarn, "lease lost", "", attrs...)
	case r.Err != nil:
		p.logRepeated(ctx, slog.LevelError, "cannot settle", "", append(attrs, slog.String("error", r.Err.Error()))...)
	case r.Result.Effect == tasks.Settled && !r.Result.Outcome.Fits(r.Task.Kind):
		p.logRepeated(ctx, slog.LevelError, "the connector gave an outcome that does not fit", "", append(attrs, outcome)...)
	case r.Unopened != nil && r.Task.Open():
		why := r.Unopened.Error()
		p.logRepeated(ctx, slog.LevelError, "the account of a task does not open, so the provider was not called", why,
			append(attrs, slog.String("error", why), slog.Time("due", r.Task.DueAt))...)
	case !r.Task.Open():
		p.Log.LogAttrs(ctx, slog.LevelInfo, "ended", append(attrs, outcome, slog.String("slot", string(r.Task.Slot)))...)
	case r.Result.Effect == tasks.Pending:
		p.Log.LogAttrs(ctx, slog.LevelDebug, "the provider is still at work", append(attrs, slog.Time("due", r.Task.DueAt))...)
	default:
		p.logRepeated(ctx, slog.LevelWarn, "attempt failed, the task stays open", r.Result.Note, append(attrs, slog.Time("due", r.Task.DueAt))...)
	}
}

// logRepeated logs a line through the log limiter. Lines with the same message and reason share one
// limit.
func (p *Pool) logRepeated(ctx context.Context, level slog.Level, message, reason string, attrs ...slog.Attr) {
	p.repeated.Log(ctx, p.Log, loglimit.Event{Subject: message + ": " + reason, Level: level, Message: message, Attrs: attrs})
}

// logState logs that an operation on the store failed, or that it works again (err is nil).
func (p *Pool) logState(ctx context.Context, failure string, err error) {
	p.repeated.LogState(ctx, p.Log, loglimit.Event{Level: slog.LevelError, Message: failure}, err)
}
