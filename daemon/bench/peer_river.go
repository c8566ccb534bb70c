package main

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// peerRiver inserts jobs that do nothing, prints a line for the parent, and carries out the jobs. It also prints the
// time of the first job. The arguments are the URL of the database, the number of jobs and the number of workers.
func peerRiver(ctx context.Context, args []string) error {
	var jobs, workers int
	if _, err := fmt.Sscan(args[1]+" "+args[2], &jobs, &workers); err != nil {
		return err
	}
	pool, err := openPool(ctx, args[0])
	if err != nil {
		return err
	}
	defer pool.Close()
	client, err := newRiver(ctx, pool, workers)
	if err != nil {
		return err
	}
	if err := insertJobs(ctx, client, jobs); err != nil {
		return err
	}
	printLine("serving", "jobs")
	if err := client.Start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// A noopJob is a job that does nothing.
type noopJob struct {
	N int `json:"n"`
}

// Kind implements [river.JobArgs].
func (noopJob) Kind() string { return "noop" }

// A noopWorker prints the time of its first call.
type noopWorker struct {
	river.WorkerDefaults[noopJob]
	called atomic.Bool
}

// Work implements [river.Worker].
func (w *noopWorker) Work(context.Context, *river.Job[noopJob]) error {
	if !w.called.Swap(true) {
		printLine("first", time.Now().UnixNano())
	}
	return nil
}

// newRiver makes a client that fetches jobs as often as River allows. The default, ten times a second, would be too
// slow.
func newRiver(ctx context.Context, pool *pgxpool.Pool, workers int) (*river.Client[pgx.Tx], error) {
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, nil)
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	registry := river.NewWorkers()
	river.AddWorker(registry, &noopWorker{})
	return river.NewClient(driver, &river.Config{
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}},
		Workers:           registry,
		FetchCooldown:     river.FetchCooldownMin,
		FetchPollInterval: 5 * time.Millisecond,
	})
}

// insertJobs inserts a number of jobs in batches.
func insertJobs(ctx context.Context, client *river.Client[pgx.Tx], jobs int) error {
	const batch = 1000
	for n := 0; n < jobs; n += batch {
		var some []river.InsertManyParams
		for i := n; i < min(n+batch, jobs); i++ {
			some = append(some, river.InsertManyParams{Args: noopJob{i}})
		}
		if _, err := client.InsertManyFast(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// riverVersion returns the version of River in this program.
func riverVersion() string {
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		if m.Path == "github.com/riverqueue/river" {
			return m.Version
		}
	}
	return "unknown"
}
