package doctor

import (
	"context"
	"errors"
	"iter"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

const (
	rounds   = 4  // of a repair, because a repair may depend on another one
	attempts = 32 // to repair one record in a round
)

// Repair repairs the findings that it can. It returns each repaired finding, and then, like
// Examine, the findings that are left.
func (d Doctor) Repair(ctx context.Context) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		for range rounds {
			found, mended := 0, 0
			for f, err := range d.round(ctx) {
				found++
				if f.Done == "" && err == nil {
					continue
				}
				if mended++; !yield(f, err) || err != nil {
					return
				}
			}
			if found == 0 {
				return
			}
			if mended == 0 {
				break
			}
		}
		for f, err := range d.Examine(ctx) {
			if !yield(f, err) {
				return
			}
		}
	}
}

// round examines the whole store and returns all findings, repaired or not.
func (d Doctor) round(ctx context.Context) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		counted, err := d.counted(ctx)
		if err != nil {
			yield(Finding{}, err)
			return
		}
		unsettled := map[string]bool{}
		for r, err := range d.records(ctx) {
			var found []Finding
			if err == nil {
				found, err = d.treat(ctx, r, counted)
			}
			for _, f := range found {
				unsettled[f.Plan] = unsettled[f.Plan] || f.Code == SlotHistory && f.Done == ""
			}
			if !tell(found, err, yield) {
				return
			}
		}
		found, err := d.recount(ctx, unsettled)
		tell(found, err, yield)
	}
}

// counted returns for each plan whether its counters agree with its history.
func (d Doctor) counted(ctx context.Context) (map[string]bool, error) {
	all, err := d.Store.PlanAudits(ctx)
	counted := map[string]bool{}
	for _, t := range all {
		counted[t.Plan.ID] = t.Plan.Counts() == t.Moves
	}
	return counted, err
}

// treat repairs the findings of a record one at a time, because each change is based on the result
// of the change before. It returns the repaired findings first, then the others.
func (d Doctor) treat(ctx context.Context, r tasks.Record, counted map[string]bool) (mended []Finding, err error) {
	given := map[Finding]bool{} // findings that cannot be repaired
	for range attempts {
		found, err := d.named(ctx, d.check(r))
		if err != nil {
			return mended, err
		}
		f, c := d.next(r, found, given, counted)
		if c.ID == "" {
			return append(mended, found...), nil
		}
		errs, err := d.Store.Apply(ctx, []tasks.Change{c})
		if err != nil {
			return mended, err
		}
		switch err := errs[0]; {
		case err == nil:
			f.Done = c.Events[0].Note
			mended = append(mended, f)
		case !errors.Is(err, tasks.ErrConflict) && !errors.Is(err, tasks.ErrFenced):
			given[f] = true
		}
		if r, err = d.Store.Record(ctx, r.Code); err != nil {
			return mended, err
		}
	}
	found, err := d.named(ctx, d.check(r))
	return append(mended, found...), err
}

// recount corrects counters that are not the sum of the moves. It skips a plan while the slot of
// one of its tasks needs a repair.
func (d Doctor) recount(ctx context.Context, unsettled map[string]bool) ([]Finding, error) {
	all, err := d.Store.PlanAudits(ctx)
	var found []Finding
	for _, t := range all {
		some := plan(t)
		if t.Plan.Seq > 0 && t.Plan.Counts() != t.Moves && !unsettled[t.Plan.ID] {
			if some[0].Done, err = d.correct(ctx, t); err != nil {
				return found, err
			}
		}
		found = append(found, some...)
	}
	return found, err
}

// correct corrects the counters of a plan. It returns a description of the correction, or "" if the
// plan could not be corrected.
func (d Doctor) correct(ctx context.Context, t tasks.PlanAudit) (string, error) {
	c, err := t.FixCounters(d.NewID())
	if err == nil {
		err = d.Store.FixCounters(ctx, c)
	}
	if errors.Is(err, stock.ErrSlotState) || errors.Is(err, tasks.ErrConflict) {
		return "", nil // the next round tries again
	}
	return c.Event.Note, err
}
