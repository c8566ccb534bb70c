package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/keyseat/keyseat/tasks"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// The length of a lease, and the longest that an attempt may take. The rest of the lease is for storing
// the result.
const (
	lease  = time.Minute
	asking = 45 * time.Second
)

// often is the interval of the periodic job, which makes up for lost jobs.
const often = 5 * time.Second

// work is the job. It has no arguments, because it leases any due task.
type work struct{}

// Kind implements [river.JobArgs].
func (work) Kind() string { return "keyseat_work" }

// A worker carries out the job with an engine.
type worker struct {
	river.WorkerDefaults[work]
	engine tasks.Engine
}

// Timeout implements [river.Worker]. Work ends earlier, by its own deadlines.
func (*worker) Timeout(*river.Job[work]) time.Duration { return lease }

// Work leases one task and makes one attempt. If the task stays open, Work snoozes the job until the task is
// due again. If Work cannot store the result, it only logs the error, because the lease runs out and another
// job takes the task.
func (w *worker) Work(ctx context.Context, _ *river.Job[work]) error {
	leased, err := w.engine.Lease(ctx, "river", 1, lease)
	if err != nil || len(leased) == 0 {
		return err // River tries again after an error
	}
	settling, done := context.WithDeadline(context.WithoutCancel(ctx), leased[0].LeasedAt.Add(lease)) // not cancelled by a stop
	defer done()
	ask, end := context.WithTimeout(ctx, asking)
	defer end()
	report := w.engine.Work(ask, settling, leased[0])
	switch {
	case report.Err != nil:
		slog.ErrorContext(ctx, "cannot settle", "task", report.Task.ID, "problem", report.Err)
	case report.Task.Open():
		return river.JobSnooze(max(report.Again, 0))
	}
	return nil
}

// A queue is a River client for one kind of job. A host that already has a client adds the worker and the
// periodic job to it.
type queue struct{ client *river.Client[pgx.Tx] }

func newQueue(ctx context.Context, pool *pgxpool.Pool, engine tasks.Engine) (*queue, error) {
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, nil)
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{engine: engine})
	client, err := river.NewClient(driver, &river.Config{
		Logger:  slog.New(slog.DiscardHandler),
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 64}},
		Workers: workers,
		PeriodicJobs: []*river.PeriodicJob{river.NewPeriodicJob(
			river.PeriodicInterval(often),
			func() (river.JobArgs, *river.InsertOpts) { return work{}, nil },
			&river.PeriodicJobOpts{RunOnStart: true},
		)},
	})
	return &queue{client}, err
}

// wake inserts a job. It returns no error, because the API has already accepted the request. The periodic
// job makes up for a job that cannot be inserted.
func (q *queue) wake() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := q.client.Insert(ctx, work{}, nil); err != nil {
		slog.WarnContext(ctx, "the task waits for the next look", "problem", err)
	}
}

// run works until the context ends. Then it waits up to ten seconds for running jobs, and cancels the rest.
// A later lease repeats the cancelled attempts.
func (q *queue) run(ctx context.Context) error {
	work := context.WithoutCancel(ctx)
	if err := q.client.Start(work); err != nil {
		return err
	}
	<-ctx.Done()
	gentle, cancel := context.WithTimeout(work, 10*time.Second)
	defer cancel()
	if err := q.client.Stop(gentle); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return q.client.StopAndCancel(work)
}
