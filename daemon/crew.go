package daemon

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/keyseat/keyseat/daemon/loglimit"
	"github.com/keyseat/keyseat/tasks"
)

// A Crew leases due tasks and asks about so many at once. With those whose answers are being settled up to
// twice as many are in work, and while tasks are quick as many as are asked about are leased ahead. It is made by [NewCrew]; its
// exported fields may be set before Run, which is called once.
type Crew struct {
	Engine  tasks.Engine
	Name    string             // of this worker, for operators; may be empty
	Workers int                // tasks that are asked about at once, at least 1; of NewCrew: 64
	Lease   time.Duration      // how long a task is ours without a sign of life; of NewCrew: 1m
	Poll    time.Duration      // between looks for what other daemons accepted; 0: 1s
	Log     *slog.Logger       // of NewCrew: silence
	Observe func(tasks.Report) // nil: nobody looks

	wake  chan struct{} // holds one wish to look at once
	hands sync.WaitGroup

	mu      sync.Mutex
	jobs    map[tasks.Ref]*job
	waiting []*job // of the jobs, those that no hand has taken up yet
	asking  int    // of the jobs, those that hands ask about
	more    bool   // is perhaps due than the last look could take
	failing bool   // the last job could not be settled, and nothing was leased since
	pace    pace

	repeated loglimit.Limiter // the lines that a provider or a database can cause without end
}

// A job is a leased task.
type job struct {
	tasks.Job
	until time.Time          // the lease is ours, by the desk's clock
	end   *time.Timer        // drops it then, since the store may be silent for longer
	drop  context.CancelFunc // ends the work, since the lease is lost
	work  func(asking context.Context, answered func()) error
}

// NewCrew makes a crew that is set up by its fields.
func NewCrew(engine tasks.Engine) *Crew {
	return &Crew{
		Engine: engine, Workers: 64, Lease: time.Minute, Log: slog.New(slog.DiscardHandler),
		wake: make(chan struct{}, 1), jobs: map[tasks.Ref]*job{},
	}
}

// Wake makes the crew look for due tasks at once. It never blocks.
func (c *Crew) Wake() {
	select {
	case c.wake <- struct{}{}:
	default: // a look is due already
	}
}

// Run works until the context ends. It then takes nothing more, waits up to drain for what was sent,
// cuts the askings that are left, and settles those too. Its error says that some leases could not be
// given up: they run out by themselves.
func (c *Crew) Run(ctx context.Context, drain time.Duration) error {
	work := context.WithoutCancel(ctx) // what was sent outlives the signal
	asking, cut := context.WithCancel(work)
	defer cut()
	beats, stop := context.WithCancel(work)
	defer stop()
	go c.keepAlive(beats)
	c.lookout(ctx, asking)
	return c.drained(cut, drain)
}

// enlist begins to look after a lease, whose task waits for a hand.
func (c *Crew) enlist(work context.Context, leased tasks.Job) {
	settling, drop := context.WithCancel(work)
	until := leased.LeasedAt.Add(c.Lease)
	j := &job{Job: leased, until: until, end: time.AfterFunc(until.Sub(c.Engine.Now()), drop), drop: drop}
	j.work = func(asking context.Context, answered func()) error { return c.work(asking, settling, j, answered) }
	c.mu.Lock()
	defer c.mu.Unlock()
	c.jobs[j.Task.Ref()] = j
	c.waiting = append(c.waiting, j)
}

// start works on a job in a goroutine of its own, whose hand is free for another as soon as there is an
// answer.
func (c *Crew) start(ctx, asking context.Context, j *job) {
	c.asking++
	c.hands.Go(func() {
		err := j.work(asking, func() { c.free(ctx, asking) })
		c.finish(ctx, asking, j, err)
	})
}

// free has a hand that has its answer go on.
func (c *Crew) free(ctx, asking context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asking--
	c.goOn(ctx, asking)
}

// work asks, and settles. Its error is that the store does not.
func (c *Crew) work(asking, settling context.Context, j *job, answered func()) error {
	defer j.drop()
	defer j.end.Stop()
	if settling.Err() != nil { // it has waited for too long
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

// ask asks until the lease is lost.
func (c *Crew) ask(ctx, settling context.Context, j tasks.Job) tasks.Attempt {
	ctx, end := context.WithCancel(ctx)
	defer end()
	defer context.AfterFunc(settling, end)()
	return c.Engine.Call(ctx, j)
}

// early is how much sooner than the store's a clock of ours may come to a task's time.
const early = 2 * time.Millisecond

// wakeFor looks for a task again as soon as it is due, where the next poll would be late.
func (c *Crew) wakeFor(r tasks.Report) {
	if r.Err == nil && r.Task.Open() && r.Again < c.poll() {
		time.AfterFunc(r.Again+early, c.Wake)
	}
}

// finish forgets a job, and makes room for another to be settled.
func (c *Crew) finish(ctx, asking context.Context, done *job, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.jobs, done.Task.Ref())
	c.pace.count(c.Engine.Now())
	c.failing = err != nil
	c.goOn(ctx, asking)
}

// next takes the job that has waited longest.
func (c *Crew) next() (j *job) {
	j, c.waiting = c.waiting[0], c.waiting[1:]
	return j
}
