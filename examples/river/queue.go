package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/keyseat/keyseat/tasks"
)

// How long a task is ours, and how much of that its asking may take: what is left is for writing down
// what has become of it.
const (
	lease  = time.Minute
	asking = 45 * time.Second
)

// often is how soon a lost job is made up for.
const often = 5 * time.Second

// work is the job. It has no arguments: it asks for whatever task is due.
type work struct{}

// Kind implements [river.JobArgs].
func (work) Kind() string { return "keyseat_work" }

// A worker carries out the job with a desk.
type worker struct {
	river.WorkerDefaults[work]
	engine tasks.Engine
}

// Timeout implements [river.Worker]. The work bounds itself.
func (*worker) Timeout(*river.Job[work]) time.Duration { return lease }

// Work makes one step of work. A task that goes on snoozes the job until it is due again. What cannot
// be written down is no error of the job's: its lease runs out, and another job takes the task.
func (w *worker) Work(ctx context.Context, _ *river.Job[work]) error {
	leased, err := w.engine.Lease(ctx, "river", 1, lease)
	if err != nil || len(leased) == 0 {
		return err // which River tries again
	}
	settling, done := context.WithDeadline(context.WithoutCancel(ctx), leased[0].LeasedAt.Add(lease)) // outlives a stop
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

// A queue is a River client for one kind of job. A host has one for all its kinds already: it adds the
// worker and the periodic job to that.
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

// wake inserts a job. The request that it is for has been answered by its own success, and the one of
// every few seconds makes up for a job that cannot be inserted.
func (q *queue) wake() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := q.client.Insert(ctx, work{}, nil); err != nil {
		slog.WarnContext(ctx, "the task waits for the next look", "problem", err)
	}
}

// run works until the context ends. What was begun by then is waited for, and then cut short: tasks
// that were being asked about are asked about again.
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
