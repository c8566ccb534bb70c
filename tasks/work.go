package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/stock"
)

// A Job is a leased task with its key.
type Job struct {
	Snapshot
	LeasedAt time.Time // by the engine's clock, before the store leased the task
}

// A Report describes the result of a job, for logs and metrics.
type Report struct {
	Task     Task            // the task after the change; if Err is set, the task before the change
	Result   ConnectorResult // the result of the connector
	Unopened error           // the reason why the account cannot be decrypted, or its login cannot be counted; then the connector was not called
	Limited  bool            // the login had too many tests, or the key too many logins; then the connector was not called
	Took     time.Duration   // the duration of the connector call; 0 without a call
	Again    time.Duration   // the time until the task is due again, if it is still open
	Err      error           // the reason why no change was written; [ErrFenced] if the lease was lost
}

// Lease leases up to n due tasks for ttl. The worker's name is only for operators. The caller must settle
// each task, or extend its lease with [Store.Extend], before ttl has passed.
func (e Engine) Lease(ctx context.Context, worker string, n int, ttl time.Duration) ([]Job, error) {
	taken := e.Now()
	views, err := e.Store.Lease(ctx, worker, n, ttl)
	if err != nil {
		return nil, err // even if there are snapshots, because the leases may not be committed
	}
	jobs := make([]Job, len(views))
	for i, v := range views {
		jobs[i] = Job{v, taken}
	}
	return jobs, nil
}

// Work calls [Engine.Call] with the first context and then [Engine.Settle] with the second. If the first
// context ends during the connector call, the effect of the attempt is unknown. The second context must
// end before the lease, because another worker may have the task afterwards.
func (e Engine) Work(calling, settling context.Context, job Job) Report {
	return e.Settle(settling, job, e.Call(calling, job))
}

// Call makes one attempt: it calls the connector for the job. The caller must then pass the attempt to [Engine.Settle]
// for the same job. If the job has no attempts left, Call does nothing and returns the zero Attempt; Settle then ends
// the task. If the account cannot be decrypted, or its login has had too many tests, Call does not call the connector.
func (e Engine) Call(ctx context.Context, job Job) Attempt {
	if e.Rules.Exhausted(job.Snapshot) {
		return Attempt{}
	}
	start, a := e.Now(), Attempt{Sent: e.at(job), Jitter: e.Jitter()}
	account, err := job.Task.open(e.Sealer)
	if err != nil {
		a.Unopened, a.Result = err, ConnectorResult{Effect: None, Note: "the sealed account does not open"}
		return a
	}
	if a.login, a.Result, err = e.testLogin(ctx, *job.Task, account); a.Result.Effect != Unknown {
		a.Unopened, a.Limited = err, err == nil
		return a
	}
	a.Result = e.call(ctx, job.Task.attempted(a.Sent).connectorRequest(account)).withoutSecrets(account)
	a.Took = e.Now().Sub(start)
	return a
}

// Settle decides how the job continues after the attempt, and writes the change. The context must end before the lease.
func (e Engine) Settle(ctx context.Context, job Job, a Attempt) Report {
	id := e.NewID()
	if e.Rules.Exhausted(job.Snapshot) {
		return e.settle(ctx, job, func(v Snapshot, _ bool) Change { return e.Rules.GiveUp(v, id) })
	}
	report := e.settle(ctx, job, func(v Snapshot, empty bool) Change { return e.Rules.Settle(v, a, id, empty) })
	report.Result, report.Unopened, report.Limited, report.Took = a.Result, a.Unopened, a.Limited, a.Took
	if report.Err == nil {
		e.releaseLogin(ctx, report.Task, a.login)
	}
	return report
}

// at returns the current time of the store's clock.
func (e Engine) at(job Job) time.Time { return job.At.Add(e.Now().Sub(job.LeasedAt)) }

// call calls the connector. It returns a panic of the connector as a result with the effect [Unknown].
func (e Engine) call(ctx context.Context, o ConnectorRequest) (answer ConnectorResult) {
	defer func() {
		if p := recover(); p != nil { // the note has only the type of p, because its value may contain a secret
			answer = ConnectorResult{Effect: Unknown, Note: fmt.Sprintf("the connector panicked with a %T", p)}
		}
	}()
	return e.Connector.Do(ctx, o)
}

// settle decides and applies until the change is written, another worker has the task, the store fails or
// maxConflictRetries is reached.
func (e Engine) settle(ctx context.Context, job Job, decide func(Snapshot, bool) Change) Report {
	empty := false
	for range maxConflictRetries {
		v := job.Snapshot
		v.At = e.at(job)
		c := decide(v, empty)
		err := e.apply(ctx, c)
		switch {
		case err == nil:
			return Report{Task: *c.Task, Again: c.Task.DueAt.Sub(e.at(job))}
		case errors.Is(err, stock.ErrOutOfStock):
			empty = true
		case errors.Is(err, ErrConflict):
			if job, err = e.reread(ctx, job); err != nil {
				return Report{Task: *job.Task, Err: err}
			}
			empty = false
		default:
			return Report{Task: *job.Task, Err: err}
		}
	}
	return Report{Task: *job.Task, Err: ErrConflict}
}

// reread reads a new snapshot of a job after a concurrent change. The error is [ErrFenced] if the job's
// lease is lost or the task has ended.
func (e Engine) reread(ctx context.Context, job Job) (Job, error) {
	taken := e.Now()
	v, err := e.Snapshot(ctx, job.Task.Code)
	if err != nil {
		return job, err
	}
	if v.openTask() == nil || v.Task.Ref() != job.Task.Ref() {
		return job, ErrFenced
	}
	return Job{v, taken}, nil
}

// testLogin returns the [LoginTest] of a task, or nil if logins are not limited. Before the first attempt of the task,
// testLogin also counts the test. If the limit is reached, r has the effect [Settled]. If the test cannot be counted, r
// has the effect [None], and err is the reason. Otherwise r is zero, and the connector may be called.
func (e Engine) testLogin(ctx context.Context, t Task, a Account) (test *LoginTest, r ConnectorResult, err error) {
	if e.Logins == nil || e.Rules.KeyTasks <= 0 {
		return nil, r, nil
	}
	test = &LoginTest{Code: t.Code}
	counts := []LoginCounts{{}}
	test.Login, err = e.LoginHash(fold(a.Login.Reveal()))
	if err == nil && t.withLostLeases().Attempts == 0 {
		counts, err = e.Logins.CountLogins(ctx, []LoginTest{*test})
	}
	if err != nil {
		return nil, ConnectorResult{Effect: None, Note: "the tests of the login cannot be counted"}, err
	}
	if note := loginLimit(counts[0]); note != "" {
		return test, ConnectorResult{Effect: Settled, Outcome: AccountLocked, Note: note}, nil
	}
	return test, r, nil
}

// releaseLogin removes the test of an ended task from the counts, unless the login failed. After an error the test
// stays counted until the test expires.
func (e Engine) releaseLogin(ctx context.Context, t Task, test *LoginTest) {
	if test == nil || t.Open() || t.Outcome.loginFailed() {
		return
	}
	test.Succeeded = t.Outcome == Success
	_ = e.Logins.ReleaseLogins(ctx, []LoginTest{*test})
}
