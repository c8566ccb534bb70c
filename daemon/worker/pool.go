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
// Use [New] to create a Crew. Set its exported fields before Run, which is called once.
type Pool struct {
	Engine       tasks.Engine
	Name         string             // worker name in each lease, for operators; may be empty
	Workers      int                // connector calls that run simultaneously, at least 1; New sets 64
	Lease        time.Duration      // how long a lease lasts without a heartbeat; New sets 1m
	PollInterval time.Duration      // time between polls, which find tasks that other daemons accepted; 0: 1s
	Log          *slog.Logger       // New sets a logger that discards every line
	Observe      func(tasks.Report) // is called with each report; nil: not called

	wake  chan struct{} // holds up to one request for an immediate poll
	hands sync.WaitGroup

	mu      sync.Mutex
	jobs    map[tasks.Ref]*job
	waiting []*job // the jobs that no worker has started yet
	asking  int    // number of jobs whose connector call is running
	more    bool   // the last poll took all it could, so more tasks may be due
	failing bool   // the last job could not be settled, and no poll has succeeded since
	pace    pace

	repeated loglimit.Limiter // limits log lines that a provider or a database can cause without end
}

// A job is a leased task.
type job struct {
	tasks.Job
	until time.Time          // when the lease ends, by the engine's clock
	end   *time.Timer        // calls drop when the lease ends, because the store may not answer before that
	drop  context.CancelFunc // cancels the work on the job, because its lease is lost
	work  func(asking context.Context, answered func()) error
}

// New returns a worker pool with default settings. Set its fields to change them.
func New(engine tasks.Engine) *Pool {
	return &Pool{
		Engine: engine, Workers: 64, Lease: time.Minute, Log: slog.New(slog.DiscardHandler),
		wake: make(chan struct{}, 1), jobs: map[tasks.Ref]*job{},
	}
}

// Wake makes the pool poll immediately. It never blocks.
func (c *Pool) Wake() {
	select {
	case c.wake <- struct{}{}:
	default: // a poll is requested already
	}
}

// Run works until ctx ends. It then leases no more tasks, and waits up to drain for calls that were
// sent to the provider. Shortly before drain is over, it cancels the calls that are left. It
// settles those tasks too.
//
// An error says that some tasks could not be settled in time. Their leases expire by themselves.
func (c *Pool) Run(ctx context.Context, drain time.Duration) error {
	defer c.repeated.Flush(context.WithoutCancel(ctx))
	work := context.WithoutCancel(ctx) // calls that were sent continue after ctx ends
	asking, cut := context.WithCancel(work)
	defer cut()
	beats, stop := context.WithCancel(work)
	defer stop()
	go c.keepAlive(beats)
	c.lookout(ctx, asking)
	return c.drained(cut, drain)
}

// enlist tracks a leased task, which then waits for a worker.
func (c *Pool) enlist(work context.Context, leased tasks.Job) {
	settling, drop := context.WithCancel(work)
	until := leased.LeasedAt.Add(c.Lease)
	j := &job{Job: leased, until: until, end: time.AfterFunc(until.Sub(c.Engine.Now()), drop), drop: drop}
	j.work = func(asking context.Context, answered func()) error { return c.work(asking, settling, j, answered) }
	c.mu.Lock()
	defer c.mu.Unlock()
	c.jobs[j.Task.Ref()] = j
	c.waiting = append(c.waiting, j)
}

// start works on a job in a new goroutine. The job occupies a worker only until its connector call
// returns; settling occupies no worker. The caller holds mu.
func (c *Pool) start(ctx, asking context.Context, j *job) {
	c.asking++
	c.hands.Go(func() {
		err := j.work(asking, func() { c.free(ctx, asking) })
		c.finish(ctx, asking, j, err)
	})
}

// free releases the worker of a job whose connector call has returned, and dispatches further jobs.
func (c *Pool) free(ctx, asking context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asking--
	c.goOn(ctx, asking)
}

// work calls the connector and settles the task. It returns an error if the store fails. A lost
// lease is not an error.
func (c *Pool) work(asking, settling context.Context, j *job, answered func()) error {
	defer j.drop()
	defer j.end.Stop()
	if settling.Err() != nil { // the lease was lost while the job waited
		answered()
		c.report(asking, tasks.Report{Task: *j.Task, Err: tasks.ErrFenced})
		return nil
	}
	a := c.ask(asking, settling, j.Job)
	answered()
	report := c.Engine.Settle(settling, j.Job, a)
	c.report(context.WithoutCancel(asking), report)
	c.wakeFor(report)
	if errors.Is(report.Err, tasks.ErrFenced) {
		return nil
	}
	return report.Err
}

// ask calls the connector. The call is cancelled when the lease is lost.
func (c *Pool) ask(ctx, settling context.Context, j tasks.Job) tasks.Attempt {
	ctx, end := context.WithCancel(ctx)
	defer end()
	defer context.AfterFunc(settling, end)()
	return c.Engine.Call(ctx, j)
}

// early is added to the time until a task is due, because this daemon's clock may be that far ahead
// of the store's clock.
const early = 2 * time.Millisecond

// wakeFor polls as soon as the task is due again, if the next regular poll would be later.
func (c *Pool) wakeFor(r tasks.Report) {
	if r.Err == nil && r.Task.Open() && r.Again < c.interval() {
		time.AfterFunc(r.Again+early, c.Wake)
	}
}

// finish removes a job and dispatches further jobs, because another task can now be settled.
func (c *Pool) finish(ctx, asking context.Context, done *job, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.jobs, done.Task.Ref())
	c.pace.count(c.Engine.Now())
	c.failing = err != nil
	c.goOn(ctx, asking)
}

// next removes the job that has waited longest from waiting and returns it.
func (c *Pool) next() (j *job) {
	j, c.waiting = c.waiting[0], c.waiting[1:]
	return j
}
