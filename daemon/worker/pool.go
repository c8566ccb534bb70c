// Package worker carries out accepted tasks.
//
// A [Pool] leases due tasks from a store, calls the connector for several of them simultaneously, and
// settles each task with the result. Any number of daemons may run a pool on the same store.
//
//	due ──poll──▶ waiting ──dispatch──▶ calling ──release──▶ settling ──done──▶ settled
//	                 │ slow or stopping     (up to Workers)      (with calling up to 2×Workers)
//	                 ▼
//	           lease returned
//
// A lease is exclusive, and heartbeats extend it until the task is settled. If a daemon dies, its leases
// expire, and another daemon leases the tasks. A pool cancels its work on a task whose lease is lost.
//
// A poll happens after each interval, after [Pool.Wake], and when the pool has capacity and more tasks
// may be due. Run's context ends the polls. The connector calls have a context of their own, which ends
// shortly before the drain is over. The context of settling ends when the lease is lost or the drain is over.
package worker

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/tasks"
)

// A Pool is a worker pool. It leases due tasks and calls the connector for up to Workers of them simultaneously. While
// results are being settled, up to 2×Workers tasks are in progress. If at least Workers tasks finish per second, it
// leases up to Workers further tasks, which wait here until a worker is idle.
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
	moreDue      bool   // the last poll leased as many tasks as it could, so more tasks may be due
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

func (p *Pool) interval() time.Duration { return cmp.Or(p.PollInterval, time.Second) }

// spareCapacity returns how many tasks to lease: idle workers plus prefetch minus waiting jobs. The caller holds mu.
func (p *Pool) spareCapacity() int { return p.idleWorkers() + p.prefetch() - len(p.waiting) }

// idleWorkers returns how many workers may start a job: Workers minus the running connector calls. The number is lower
// if more than Workers results are being settled, because at most 2×Workers jobs are in progress. The caller holds mu.
func (p *Pool) idleWorkers() int {
	started := len(p.jobs) - len(p.waiting)
	return min(p.Workers-p.calling, 2*p.Workers-started)
}

// prefetch returns how many tasks to lease in advance: Workers if at least Workers tasks finish per second, otherwise
// 0. So no task waits here for much longer than a second while another daemon has idle workers.
//
// If this daemon dies, prefetched tasks count as attempted, because the store cannot know that the provider was not
// called. The caller holds mu.
func (p *Pool) prefetch() int {
	if p.throughput.at(p.Engine.Now()) < p.Workers {
		return 0
	}
	return p.Workers
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

// A throughput measures how many tasks finish per second. One measurement takes a second or longer.
type throughput struct {
	since time.Time // when the current measurement began
	now   int       // tasks that have finished since then
	last  int       // tasks per second in the previous measurement
}

func (t *throughput) count(now time.Time) {
	if d := now.Sub(t.since); d >= time.Second {
		t.last = int(float64(t.now) / d.Seconds())
		t.now, t.since = 0, now
	}
	t.now++
}

// at returns the throughput at a given time. It is 0 if the current measurement began 2 or more seconds ago, because
// then no task has finished recently.
func (t *throughput) at(now time.Time) int {
	if now.Sub(t.since) >= 2*time.Second {
		return 0
	}
	return t.last
}

// report observes and logs a finished job. Each task gets one line when it ends. The lines about attempts that leave a
// task open are limited, because a provider that is down causes them for every task.
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
	case r.Result.Effect == tasks.Settled: // the plan is faulty, and the task continues with another plan
		reason := string(r.Result.Outcome)
		p.logRepeated(ctx, slog.LevelWarn, "attempt failed, the task stays open", reason, append(attrs, slog.String("outcome", reason), slog.Time("due", r.Task.DueAt))...)
	default:
		p.logRepeated(ctx, slog.LevelWarn, "attempt failed, the task stays open", r.Result.Note, append(attrs, slog.Time("due", r.Task.DueAt))...)
	}
}

// logRepeated logs a line through the log limiter. Lines with the same message and reason share one limit.
func (p *Pool) logRepeated(ctx context.Context, level slog.Level, message, reason string, attrs ...slog.Attr) {
	p.repeated.Log(ctx, p.Log, loglimit.Event{Subject: message + ": " + reason, Level: level, Message: message, Attrs: attrs})
}

// logState logs that an operation on the store failed, or that it works again (err is nil).
func (p *Pool) logState(ctx context.Context, failure string, err error) {
	p.repeated.LogState(ctx, p.Log, loglimit.Event{Level: slog.LevelError, Message: failure}, err)
}
