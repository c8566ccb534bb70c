package doctor

import (
	"context"
	"iter"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// A Store is what a doctor can look into.
type Store interface {
	tasks.Store
	tasks.AdminStore
	tasks.Inspector
}

// A Doctor looks after a store. Only Sealer may be nil: then secrets are not tried.
type Doctor struct {
	Store  Store
	Sealer tasks.Sealer
	Stale  time.Duration // how long ago a lease may have run out, before that is a finding
	NewID  func() string // as that of a [tasks.Engine]
}

// pageSize is how many records are in memory at once.
const pageSize = 500

// Examine gives what it finds, as it finds it: first under the keys, in the order of their codes, then
// of the plans. It changes nothing.
func (d Doctor) Examine(ctx context.Context) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		for r, err := range d.records(ctx) {
			if err == nil && !d.Healthy(r) {
				r, err = d.Store.Record(ctx, r.Code) // it may have been read while it changed
			}
			if !d.give(ctx, r, err, yield) {
				return
			}
		}
		found, err := d.plans(ctx)
		tell(found, err, yield)
	}
}

// give yields what is found in a record; false: no more is wanted.
func (d Doctor) give(ctx context.Context, r tasks.Record, err error, yield func(Finding, error) bool) bool {
	var found []Finding
	if err == nil {
		found, err = d.named(ctx, d.check(r))
	}
	return tell(found, err, yield)
}

// tell yields findings, or the error; false: no more is wanted.
func tell(found []Finding, err error, yield func(Finding, error) bool) bool {
	if err != nil {
		yield(Finding{}, err)
		return false
	}
	for _, f := range found {
		if !yield(f, nil) {
			return false
		}
	}
	return true
}

// records walks through all records.
func (d Doctor) records(ctx context.Context) iter.Seq2[tasks.Record, error] {
	return func(yield func(tasks.Record, error) bool) {
		for after := keys.Code(""); ; {
			page, err := d.Store.Records(ctx, after, pageSize)
			if err != nil {
				yield(tasks.Record{}, err)
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
				after = r.Code
			}
			if len(page) < pageSize {
				return
			}
		}
	}
}

// Healthy says whether nothing is found in a record.
func (d Doctor) Healthy(r tasks.Record) bool { return len(d.check(r)) == 0 }

// check is what all checks find in a record. What cannot be read cannot be judged, nor the rest then.
func (d Doctor) check(r tasks.Record) []Finding {
	var found []Finding
	for _, id := range r.Unreadable {
		found = append(found, of(TaskUnread, r, id, "the task's row cannot be read")...)
	}
	if len(found) > 0 {
		return found
	}
	for _, check := range d.checks() {
		found = append(found, check(r)...)
	}
	return found
}

// named tells tasks that are nowhere from those that are another key's, which no record can.
func (d Doctor) named(ctx context.Context, found []Finding) ([]Finding, error) {
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

// plans are the findings of the plans that are found twice.
func (d Doctor) plans(ctx context.Context) ([]Finding, error) {
	found, err := d.lookAtPlans(ctx)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return d.lookAtPlans(ctx)
}

func (d Doctor) lookAtPlans(ctx context.Context) ([]Finding, error) {
	all, err := d.Store.PlanAudits(ctx)
	var found []Finding
	for _, t := range all {
		found = append(found, plan(t)...)
	}
	return found, err
}
