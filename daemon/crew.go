package daemon

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// A Crew leases due tasks and works on so many at once. It is made by [NewCrew]; its exported fields may
// be set before Run, which is called once.
type Crew struct {
	Desk    tasks.Desk
	Name    string             // of this worker, for operators; may be empty
	Workers int                // tasks at once, at least 1; of NewCrew: 64
	Lease   time.Duration      // how long a task is ours without a sign of life; of NewCrew: 1m
	Poll    time.Duration      // between looks for what other daemons accepted; 0: 1s
	Log     *slog.Logger       // of NewCrew: silence
	Observe func(tasks.Report) // nil: nobody looks

	wake chan struct{} // holds one wish to look at once
	mu   sync.Mutex
	jobs map[tasks.Ref]*job
	more bool // is perhaps due than the last look could take
}

// A job is a leased task in work.
type job struct {
	tasks.Job
	until time.Time          // the lease is ours, by the desk's clock
	end   *time.Timer        // drops it then, since the store may be silent for longer
	drop  context.CancelFunc // ends the work, since the lease is lost
}

// NewCrew makes a crew that is set up by its fields.
func NewCrew(desk tasks.Desk) *Crew {
	return &Crew{
		Desk: desk, Workers: 64, Lease: time.Minute, Log: slog.New(slog.DiscardHandler),
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
	var hands sync.WaitGroup
	go c.keepAlive(beats)
	c.lookout(ctx, func(j tasks.Job) { c.start(asking, work, j, &hands) })
	return c.drained(&hands, cut, drain)
}

// start works on a job in a goroutine of its own.
func (c *Crew) start(asking, work context.Context, leased tasks.Job, hands *sync.WaitGroup) {
	settling, drop := context.WithCancel(work)
	ref, until := leased.Task.Ref(), leased.Taken.Add(c.Lease)
	end := time.AfterFunc(until.Sub(c.Desk.Now()), drop)
	c.mu.Lock()
	c.jobs[ref] = &job{leased, until, end, drop}
	c.mu.Unlock()
	hands.Go(func() {
		defer drop()
		defer end.Stop()
		asking, end := context.WithCancel(asking)
		defer end()
		defer context.AfterFunc(settling, end)()
		report := c.Desk.Work(asking, settling, leased)
		c.finish(ref)
		c.report(work, report)
		c.wakeFor(report)
	})
}

// early is how much sooner than the store's a clock of ours may come to a task's time.
const early = 2 * time.Millisecond

// wakeFor looks for a task again as soon as it is due, where the next poll would be late.
func (c *Crew) wakeFor(r tasks.Report) {
	if r.Err == nil && r.Task.Open() && r.Again < c.poll() {
		time.AfterFunc(r.Again+early, c.Wake)
	}
}

// finish forgets a job, and has its hand take another that may be due.
func (c *Crew) finish(ref tasks.Ref) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.jobs, ref)
	if c.more {
		c.Wake()
	}
}

// report tells of a finished job. A lost lease is another worker's business by now.
func (c *Crew) report(ctx context.Context, r tasks.Report) {
	if c.Observe != nil {
		c.Observe(r)
	}
	attrs := []any{
		"task", r.Task.ID, "kind", r.Task.Kind, "asked", r.Task.Asked, "key", Fingerprint(r.Task.Code),
		"took", r.Took, "note", r.Answer.Note,
	}
	switch {
	case errors.Is(r.Err, tasks.ErrFenced):
		c.Log.WarnContext(ctx, "lease lost", attrs...)
	case r.Err != nil:
		c.Log.ErrorContext(ctx, "cannot settle", append(attrs, "problem", r.Err)...)
	case r.Answer.Effect == tasks.Settled && !r.Answer.Outcome.Fits(r.Task.Kind):
		c.Log.ErrorContext(ctx, "the connector gave an outcome that does not fit", append(attrs, "outcome", r.Task.Outcome)...)
	case r.Task.Open():
		c.Log.InfoContext(ctx, "asked, goes on", append(attrs, "due", r.Task.Due)...)
	default:
		c.Log.InfoContext(ctx, "ended", append(attrs, "outcome", r.Task.Outcome, "slot", r.Task.Slot)...)
	}
}
