package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/stock"
)

// A Job is a leased task.
type Job struct {
	Snapshot
	LeasedAt time.Time // by the desk's clock, before the lease was asked for
}

// A Report is what became of a job, for logs and metrics.
type Report struct {
	Task     Task            // as it now stands, or stood if Err
	Result   ConnectorResult // the connector's
	Unopened error           // why the account does not open: the connector was not asked
	Took     time.Duration   // how long the connector took; 0 if it was not asked
	Again    time.Duration   // until the task is due again, if it is still open
	Err      error           // why nothing was written; [ErrFenced] if the lease was lost
}

// Lease takes up to n due tasks for ttl, under a worker's name that only operators read. Each is to be
// worked on before that, or its lease extended ([Store.Extend]).
func (d Engine) Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]Job, error) {
	taken := d.Now()
	views, err := d.Store.Lease(ctx, worker, n, ttl)
	if err != nil {
		return nil, err // also if views were read: the leases may not be committed
	}
	jobs := make([]Job, len(views))
	for i, v := range views {
		jobs[i] = Job{v, taken}
	}
	return jobs, nil
}

// Work asks the connector about a job under one context and settles it under another, which must end
// before the lease does: what cannot be settled by then is another worker's. An asking that is cut
// short is one whose effect is unknown.
func (d Engine) Work(asking, settling context.Context, job Job) Report {
	return d.Settle(settling, job, d.Call(asking, job))
}

// Call asks the connector about a job, unless that was tried too often: then the asking is empty, and
// [Engine.Settle], which is to follow for the same job, gives up.
func (d Engine) Call(ctx context.Context, job Job) Attempt {
	if d.Rules.Exhausted(job.Snapshot) {
		return Attempt{}
	}
	start, a := d.Now(), Attempt{Sent: d.at(job), Jitter: d.Jitter()}
	account, err := d.open(*job.Task)
	if err != nil {
		a.Unopened, a.Result = err, ConnectorResult{Effect: None, Note: "the sealed account does not open"}
		return a
	}
	a.Result = d.call(ctx, job.Task.attempted(a.Sent).connectorRequest(account))
	a.Took = d.Now().Sub(start)
	return a
}

// Settle writes what becomes of a job after an asking. The context must end before the lease does.
func (d Engine) Settle(ctx context.Context, job Job, a Attempt) Report {
	id := d.NewID()
	if d.Rules.Exhausted(job.Snapshot) {
		return d.settle(ctx, job, func(v Snapshot, _ bool) Change { return d.Rules.GiveUp(v, id) })
	}
	report := d.settle(ctx, job, func(v Snapshot, empty bool) Change { return d.Rules.Settle(v, a, id, empty) })
	report.Result, report.Unopened, report.Took = a.Result, a.Unopened, a.Took
	return report
}

// at is the time by the store's clock.
func (d Engine) at(job Job) time.Time { return job.At.Add(d.Now().Sub(job.LeasedAt)) }

// open decrypts the account of a task.
func (d Engine) open(t Task) (Account, error) {
	plain, err := d.Sealer.Open(t.Sealed, t.bound())
	if err != nil {
		return Account{}, err
	}
	return decodeAccount(plain)
}

// call asks the connector, which may panic.
func (d Engine) call(ctx context.Context, o ConnectorRequest) (answer ConnectorResult) {
	defer func() {
		if p := recover(); p != nil { // its value may hold a secret: only its type is told
			answer = ConnectorResult{Effect: Unknown, Note: fmt.Sprintf("the connector panicked with a %T", p)}
		}
	}()
	return d.Connector.Do(ctx, o)
}

// settle decides and applies until the change is written or the job is another's.
func (d Engine) settle(ctx context.Context, job Job, decide func(Snapshot, bool) Change) Report {
	empty := false
	for range maxConflictRetries {
		v := job.Snapshot
		v.At = d.at(job)
		c := decide(v, empty)
		err := d.apply(ctx, c)
		switch {
		case err == nil:
			return Report{Task: *c.Task, Again: c.Task.DueAt.Sub(d.at(job))}
		case errors.Is(err, stock.ErrOutOfStock):
			empty = true
		case errors.Is(err, ErrConflict):
			if job, err = d.reread(ctx, job); err != nil {
				return Report{Task: *job.Task, Err: err}
			}
			empty = false
		default:
			return Report{Task: *job.Task, Err: err}
		}
	}
	return Report{Task: *job.Task, Err: ErrConflict}
}

// reread views a job again that somebody has changed.
func (d Engine) reread(ctx context.Context, job Job) (Job, error) {
	taken := d.Now()
	v, err := d.Snapshot(ctx, job.Task.Code)
	if err != nil {
		return job, err
	}
	if v.openTask() == nil || v.Task.Ref() != job.Task.Ref() {
		return job, ErrFenced
	}
	return Job{v, taken}, nil
}
