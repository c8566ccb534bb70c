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
	View
	Taken time.Time // by the desk's clock, before the lease was asked for
}

// A Report is what became of a job, for logs and metrics.
type Report struct {
	Task     Task          // as it now stands, or stood if Err
	Answer   Answer        // the connector's
	Unopened error         // why the account does not open: the connector was not asked
	Took     time.Duration // how long the connector took; 0 if it was not asked
	Again    time.Duration // until the task is due again, if it is still open
	Err      error         // why nothing was written; [ErrFenced] if the lease was lost
}

// Lease takes up to n due tasks for ttl, under a worker's name that only operators read. Each is to be
// worked on before that, or its lease extended ([Store.Extend]).
func (d Desk) Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]Job, error) {
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
func (d Desk) Work(asking, settling context.Context, job Job) Report {
	return d.Settle(settling, job, d.Ask(asking, job))
}

// Ask asks the connector about a job, unless that was tried too often: then the asking is empty, and
// [Desk.Settle], which is to follow for the same job, gives up.
func (d Desk) Ask(ctx context.Context, job Job) Asking {
	if d.Rules.Exhausted(job.View) {
		return Asking{}
	}
	start, a := d.Now(), Asking{Sent: d.at(job), Jitter: d.Jitter()}
	account, err := d.open(*job.Task)
	if err != nil {
		a.Unopened, a.Answer = err, Answer{Effect: None, Note: "the sealed account does not open"}
		return a
	}
	a.Answer = d.ask(ctx, job.Task.asked(a.Sent).order(account))
	a.Took = d.Now().Sub(start)
	return a
}

// Settle writes what becomes of a job after an asking. The context must end before the lease does.
func (d Desk) Settle(ctx context.Context, job Job, a Asking) Report {
	id := d.NewID()
	if d.Rules.Exhausted(job.View) {
		return d.settle(ctx, job, func(v View, _ bool) Change { return d.Rules.GiveUp(v, id) })
	}
	report := d.settle(ctx, job, func(v View, empty bool) Change { return d.Rules.Settle(v, a, id, empty) })
	report.Answer, report.Unopened, report.Took = a.Answer, a.Unopened, a.Took
	return report
}

// at is the time by the store's clock.
func (d Desk) at(job Job) time.Time { return job.At.Add(d.Now().Sub(job.Taken)) }

// open decrypts the account of a task.
func (d Desk) open(t Task) (Account, error) {
	plain, err := d.Sealer.Open(t.Sealed, t.bound())
	if err != nil {
		return Account{}, err
	}
	return decodeAccount(plain)
}

// ask asks the connector, which may panic.
func (d Desk) ask(ctx context.Context, o Order) (answer Answer) {
	defer func() {
		if p := recover(); p != nil { // its value may hold a secret: only its type is told
			answer = Answer{Effect: Unknown, Note: fmt.Sprintf("the connector panicked with a %T", p)}
		}
	}()
	return d.Connector.Do(ctx, o)
}

// settle decides and applies until the change is written or the job is another's.
func (d Desk) settle(ctx context.Context, job Job, decide func(View, bool) Change) Report {
	empty := false
	for range rounds {
		v := job.View
		v.At = d.at(job)
		c := decide(v, empty)
		err := d.apply(ctx, c)
		switch {
		case err == nil:
			return Report{Task: *c.Task, Again: c.Task.Due.Sub(d.at(job))}
		case errors.Is(err, stock.ErrEmpty):
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
func (d Desk) reread(ctx context.Context, job Job) (Job, error) {
	taken := d.Now()
	v, err := d.View(ctx, job.Task.Code)
	if err != nil {
		return job, err
	}
	if v.open() == nil || v.Task.Ref() != job.Task.Ref() {
		return job, ErrFenced
	}
	return Job{v, taken}, nil
}
