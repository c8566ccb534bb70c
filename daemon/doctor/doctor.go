// Package doctor finds inconsistencies in a store, explains them to a person, and repairs them if that is safe.
//
//	Store.Records    ─▶ one code: its key, tasks, history ─▶ checks ─▶ findings ─▶ repairs  ─▶ Store.Apply
//	Store.PlanAudits ─▶ one plan: counters, tasks, moves  ─▶ checks ─▶ findings ─▶ counters ─▶ Store.FixCounters
//	Store.LevelAudits ▶ one country: its sums, its plans  ─▶ checks ─▶ findings ─────────────▶ Store.FixLevel
//
// Each check is a pure function of one record or plan audit. A record or plan audit is read at one moment, so a doctor may
// run while daemons serve. A finding is reported only after the data was read a second time. A doctor holds one page of
// records and the audits of all plans in memory.
//
// A repair is written like any other write: by a change that is based on a version, with an entry in the history. Three
// sources record the place of a slot: its task, the history and the plan's counters. If two of them agree, the third is
// corrected. The doctor does not change facts that only a person can know, and says so.
package doctor

import (
	"context"
	"iter"
	"time"

	"github.com/keyseat/keyseat/internal/seq"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/audit"
)

// A Store is the store that a doctor examines.
type Store interface {
	tasks.Store
	adminstore.AdminStore
	audit.Inspector
}

// A Doctor examines and repairs a store. All fields but Sealer and Actor are required.
type Doctor struct {
	Store  Store
	Sealer tasks.Sealer  // opens secrets to check them; nil: secrets are not checked
	Stale  time.Duration // a lease is a finding if it expired longer ago than this
	NewID  func() string // returns a new id for a change
	Actor  string        // the name of the person that repairs, for the history; may be empty
}

// pageSize is the number of records that are in memory simultaneously.
const pageSize = 500

// Examine returns its findings one after another: first those about keys, sorted by code, then those about plans, then
// those about countries. It changes nothing.
func (d Doctor) Examine(ctx context.Context) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		for r, err := range d.records(ctx) {
			var found []Finding
			if err == nil && !d.Healthy(r) {
				found, err = d.examineAgain(ctx, r.Code)
			}
			if !yieldAll(found, err, yield) {
				return
			}
		}
		if found, err := confirmed(ctx, d.auditPlans); !yieldAll(found, err, yield) {
			return
		}
		found, err := confirmed(ctx, d.auditLevels)
		yieldAll(found, err, yield)
	}
}

// examineAgain reads a record a second time, because the first read may have overlapped a change. It returns the
// findings.
func (d Doctor) examineAgain(ctx context.Context, code keys.Code) ([]Finding, error) {
	r, err := d.Store.Record(ctx, code)
	if err != nil {
		return nil, err
	}
	return d.classifyMissing(ctx, d.check(r))
}

// yieldAll yields the findings, and then the error if there is one. It returns false after an error, and if yield returned
// false.
func yieldAll(found []Finding, err error, yield func(Finding, error) bool) bool {
	for _, f := range found {
		if !yield(f, nil) {
			return false
		}
	}
	if err != nil {
		yield(Finding{}, err)
	}
	return err == nil
}

// records returns all records, page by page.
func (d Doctor) records(ctx context.Context) iter.Seq2[audit.Record, error] {
	read := func(after keys.Code, n int) ([]audit.Record, error) { return d.Store.Records(ctx, after, n) }
	return seq.Pages("", pageSize, read, func(r audit.Record) keys.Code { return r.Code })
}

// Healthy reports whether a record has no findings. It uses only the fields Stale and Sealer of the doctor.
func (d Doctor) Healthy(r audit.Record) bool { return len(d.check(r)) == 0 }

// check runs all checks on a record. If a task cannot be read, the only findings are about such tasks, because the record
// is then incomplete.
func (d Doctor) check(r audit.Record) []Finding {
	x := &examination{Record: r, sealer: d.Sealer, stale: d.Stale}
	for _, id := range r.Unreadable {
		x.add(TaskUnread, id, "the task's row cannot be read")
	}
	if len(r.Unreadable) == 0 {
		for _, check := range checks {
			check(x)
		}
	}
	return x.found
}

// classifyMissing distinguishes tasks that do not exist from tasks of another key. It reads the tasks from the store,
// because the record of one key does not show the difference.
func (d Doctor) classifyMissing(ctx context.Context, found []Finding) ([]Finding, error) {
	for i, f := range found {
		if f.Code != TaskMissing {
			continue
		}
		v, err := d.Store.Task(ctx, f.Task)
		if err != nil {
			return nil, err
		}
		if v.Task != nil {
			found[i].Code, found[i].Found = TaskForeign, f.Found+", but another key's"
		}
	}
	return found, nil
}

// confirmed runs an audit. If the audit has findings, it runs the audit again and returns the findings of the second run.
func confirmed(ctx context.Context, audit func(context.Context) ([]Finding, error)) ([]Finding, error) {
	found, err := audit(ctx)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return audit(ctx)
}

func (d Doctor) auditPlans(ctx context.Context) (found []Finding, _ error) {
	all, err := d.Store.PlanAudits(ctx)
	for _, t := range all {
		found = append(found, checkPlan(t)...)
	}
	return found, err
}

func (d Doctor) auditLevels(ctx context.Context) (found []Finding, _ error) {
	all, err := d.Store.LevelAudits(ctx)
	for _, l := range all {
		found = append(found, checkLevel(l)...)
	}
	return found, err
}
