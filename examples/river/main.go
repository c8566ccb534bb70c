// River carries out keyseat's tasks with a River queue. It is an example for a program that runs all its background
// work with River. keyseat's tasks then have the same workers, dashboard and graceful stop.
//
//	/API/ ──▶ Engine.Accept ──▶ keyseat's tables
//	            │ Wake
//	            └──▶ river: a "keyseat_work" job ──▶ Engine.Lease ─▶ Engine.Work ──▶ ended, or snoozed
//	       every 5s: one more job ────────────────────▲                          until it is due again
//
// The River queue replaces only the package daemon/worker. The tables of keyseat record which task is due, its lease
// and the number of attempts. A River job only leases the next due task. So a job has no arguments, and a lost or
// repeated job does no harm. A job is inserted after the task was stored, and not in the same transaction. A periodic
// job every five seconds makes up for lost jobs, and takes over tasks whose leases ran out because a process died.
//
//	DATABASE_URL=postgres://… go -C examples/river run .
//	go -C examples/river test ./...
//
// This example makes a new master key at each start. In production, use adapters/keyring with a file of keys.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// serve registers the API on mux, and carries out accepted tasks until the context ends.
func serve(ctx context.Context, url string, c tasks.Connector, mux *http.ServeMux) (err error) {
	store, err := bunstore.Open(ctx, url, bunstore.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }() //nolint:contextcheck // the end of ctx must not interrupt closing
	if err := errors.Join(store.Migrate(ctx), fill(ctx, store)); err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	var master [keyring.KeySize]byte
	_, _ = rand.Read(master[:]) // rand.Read never returns an error
	engine := daemon.NewEngine(store, c, keyring.New(master), tasks.DefaultRules())
	queue, err := newQueue(ctx, pool, engine)
	if err != nil {
		return err
	}
	api := &daemon.API{Engine: engine, Wake: queue.wake}
	api.Register(mux)
	return queue.run(ctx)
}

// fill issues a key and makes a plan at the first start. At later starts it does nothing.
func fill(ctx context.Context, store *bunstore.Store) error {
	key := keys.Key{Code: "MY-FIRST-KEY", Status: keys.Active}
	batch := adminstore.ImportBatch{ID: "my-first-order", Type: tasks.EventIssued}
	err := store.ImportKeys(ctx, batch, adminstore.Rows(key))
	if errors.Is(err, adminstore.ErrBatch) {
		return nil
	}
	return errors.Join(err, store.EditPlans(ctx, []stock.PlanEdit{stock.NewPlanEdit("plan-1", "US", 5)}))
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	mux := http.NewServeMux()
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() { fmt.Println(server.ListenAndServe()) }()
	fmt.Println("try http://127.0.0.1:8080/API/?info=MY-FIRST-KEY")
	if err := serve(ctx, os.Getenv("DATABASE_URL"), simulator.Connector{Delay: time.Second}, mux); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// The duration of a lease, and the timeout of an attempt. The rest of the lease is for storing the result.
const (
	leaseTTL       = time.Minute
	attemptTimeout = 45 * time.Second
)

// pollInterval is the interval of the periodic job that makes up for lost jobs.
const pollInterval = 5 * time.Second

// A workJob has the arguments of a River job. It has no fields, because a job leases any due task.
type workJob struct{}

// Kind implements [river.JobArgs].
func (workJob) Kind() string { return "keyseat_work" }

// A worker carries out River jobs with an engine.
type worker struct {
	river.WorkerDefaults[workJob]
	engine tasks.Engine
}

// Timeout implements [river.Worker]. [worker.Work] sets deadlines of its own, which end earlier.
func (*worker) Timeout(*river.Job[workJob]) time.Duration { return leaseTTL }

// Work leases one task and makes one attempt. If the task stays open, Work snoozes the job until the task is due again.
// If Work cannot store the result, it only logs the error. The lease then runs out, and another job leases the task.
func (w *worker) Work(ctx context.Context, _ *river.Job[workJob]) error {
	leased, err := w.engine.Lease(ctx, "river", 1, leaseTTL)
	if err != nil || len(leased) == 0 {
		return err // River tries again after an error
	}
	storeCtx, cancelStore := context.WithDeadline(context.WithoutCancel(ctx), leased[0].LeasedAt.Add(leaseTTL)) // a graceful stop must not cancel the storing of the result
	defer cancelStore()
	attemptCtx, cancelAttempt := context.WithTimeout(ctx, attemptTimeout)
	defer cancelAttempt()
	report := w.engine.Work(attemptCtx, storeCtx, leased[0])
	switch {
	case report.Err != nil:
		slog.ErrorContext(ctx, "cannot settle", "task", report.Task.ID, "error", report.Err)
	case report.Task.Open():
		return river.JobSnooze(max(report.Again, 0))
	}
	return nil
}

// A queue is a River client for one kind of job. A program that already has a River client adds the worker and the
// periodic job to that client.
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
			river.PeriodicInterval(pollInterval),
			func() (river.JobArgs, *river.InsertOpts) { return workJob{}, nil },
			&river.PeriodicJobOpts{RunOnStart: true},
		)},
	})
	return &queue{client}, err
}

// wake inserts a job. It only logs an error, because the periodic job makes up for a job that cannot be inserted.
func (q *queue) wake() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := q.client.Insert(ctx, workJob{}, nil); err != nil {
		slog.WarnContext(ctx, "cannot insert a job; the task waits for the next periodic one", "error", err)
	}
}

// run carries out jobs until the context ends. Then it waits up to ten seconds for running jobs, and cancels the rest.
// The task of a cancelled job is attempted again after a later lease.
func (q *queue) run(ctx context.Context) error {
	workCtx := context.WithoutCancel(ctx)
	if err := q.client.Start(workCtx); err != nil {
		return err
	}
	<-ctx.Done()
	stopCtx, cancel := context.WithTimeout(workCtx, 10*time.Second)
	defer cancel()
	if err := q.client.Stop(stopCtx); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return q.client.StopAndCancel(workCtx)
}
