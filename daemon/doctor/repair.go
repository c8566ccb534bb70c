package doctor

import (
	"context"
	"errors"
	"iter"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/audit"
)

const (
	maxPasses  = 4  // the maximum number of passes over the store; a repair may make another repair possible
	maxRepairs = 32 // the maximum number of repairs of one record in a pass, including failed repairs
)

// Repair repairs the findings for which there is a safe repair. It returns each repaired finding, and then the findings
// that [Doctor.Examine] returns after the repairs.
func (d Doctor) Repair(ctx context.Context) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		for range maxPasses {
			found, repaired := 0, 0
			for f, err := range d.repairPass(ctx) {
				found++
				if f.Done == "" && err == nil {
					continue
				}
				if repaired++; !yield(f, err) || err != nil {
					return
				}
			}
			if found == 0 {
				return
			}
			if repaired == 0 {
				break
			}
		}
		d.Examine(ctx)(yield)
	}
}

// repairPass examines the whole store and returns all findings, repaired or not.
func (d Doctor) repairPass(ctx context.Context) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		countersMatch, err := d.countersMatch(ctx)
		if err != nil {
			yield(Finding{}, err)
			return
		}
		slotsBroken := map[string]bool{}
		for r, err := range d.records(ctx) {
			var found []Finding
			if err == nil {
				found, err = d.repairRecord(ctx, r, countersMatch)
			}
			for _, f := range found {
				slotsBroken[f.Plan] = slotsBroken[f.Plan] || f.Code == SlotHistory && f.Done == ""
			}
			if !yieldAll(found, err, yield) {
				return
			}
		}
		if found, err := d.fixCounters(ctx, slotsBroken); !yieldAll(found, err, yield) {
			return
		}
		found, err := d.fixLevels(ctx)
		yieldAll(found, err, yield)
	}
}

// countersMatch returns for each plan whether its counters agree with its history.
func (d Doctor) countersMatch(ctx context.Context) (map[string]bool, error) {
	all, err := d.Store.PlanAudits(ctx)
	match := map[string]bool{}
	for _, t := range all {
		match[t.Plan.ID] = t.Plan.Counts() == t.Moves
	}
	return match, err
}

// repairRecord repairs the findings of a record one at a time, because each change is based on the
// result of the change before. It returns the repaired findings first, then the others.
func (d Doctor) repairRecord(ctx context.Context, r audit.Record, countersMatch map[string]bool) (repaired []Finding, err error) {
	failed := map[Finding]bool{} // findings whose repair the store has rejected
	for range maxRepairs {
		found, err := d.classifyMissing(ctx, d.check(r))
		if err != nil {
			return repaired, err
		}
		f, c := d.nextRepair(r, found, failed, countersMatch)
		if c.ID == "" {
			return append(repaired, found...), nil
		}
		done := c.Events[0].Note
		for i := range c.Events {
			c.Events[i].Note = d.attributed(c.Events[i].Note)
		}
		errs, err := d.Store.Apply(ctx, []tasks.Change{c})
		if err != nil {
			return repaired, err
		}
		switch err := errs[0]; {
		case err == nil:
			f.Done = done
			repaired = append(repaired, f)
		case !errors.Is(err, tasks.ErrConflict) && !errors.Is(err, tasks.ErrFenced):
			failed[f] = true
		}
		if r, err = d.Store.Record(ctx, r.Code); err != nil {
			return repaired, err
		}
	}
	found, err := d.classifyMissing(ctx, d.check(r))
	return append(repaired, found...), err
}

// fixCounters corrects counters that are not the sum of the moves. It does not correct a plan for which slotsBroken is
// true: the slot of one of its tasks must be repaired first.
func (d Doctor) fixCounters(ctx context.Context, slotsBroken map[string]bool) (found []Finding, err error) {
	all, err := d.Store.PlanAudits(ctx)
	for _, t := range all {
		some := checkPlan(t)
		if t.Plan.Seq > 0 && t.Plan.Counts() != t.Moves && !slotsBroken[t.Plan.ID] {
			if some[0].Done, err = d.fixPlan(ctx, t); err != nil {
				return found, err
			}
		}
		found = append(found, some...)
	}
	return found, err
}

// fixPlan corrects the counters of a plan. It returns a description of the correction, or "" if the
// plan could not be corrected.
func (d Doctor) fixPlan(ctx context.Context, t audit.PlanAudit) (string, error) {
	c, err := t.FixCounters(d.NewID())
	done := c.Event.Note
	if err == nil {
		c.Event.Note = d.attributed(done)
		err = d.Store.FixCounters(ctx, c)
	}
	if errors.Is(err, stock.ErrSlotState) || errors.Is(err, tasks.ErrConflict) {
		return "", nil // the next pass tries again
	}
	return done, err
}

func (d Doctor) fixLevels(ctx context.Context) ([]Finding, error) {
	found, err := confirmed(ctx, d.auditLevels)
	for i, f := range found {
		if err := d.Store.FixLevel(ctx, f.Country); err != nil {
			return found[:i], err
		}
		found[i].Done = "the sums are those of the plans"
	}
	return found, err
}

// attributed returns the note of a repair with the name of the actor, if there is one.
func (d Doctor) attributed(note string) string {
	switch {
	case d.Actor == "":
		return note
	case note == "":
		return "by " + d.Actor
	}
	return note + " (by " + d.Actor + ")"
}

// A repair makes the change that repairs a finding. Exactly one of the fields key, task and slot is set.
type repair struct {
	done string                                                           // what the change does, for the history
	key  func(r audit.Record, note, id string) tasks.Change               // makes the change of a key
	task func(r audit.Record, t tasks.Task, note, id string) tasks.Change // makes the change of a task
	slot bool                                                             // RepairSlot makes the change
}

var (
	repairLatestTask = repair{done: "the key follows its own latest task", key: audit.Record.RepairLatestTask}
	failTask         = repair{done: "the task was ended", task: audit.Record.FailTask}
	repairSlot       = repair{done: "the task's slot and its history were made to agree", slot: true}
)

var repairs = map[Code]repair{
	TaskMissing:   repairLatestTask,
	TaskForeign:   repairLatestTask,
	TaskUnnamed:   repairLatestTask,
	QueueEmpty:    repairLatestTask,
	QueueLeft:     repairLatestTask,
	StatusUsed:    {done: "status and use were put right", key: audit.Record.RepairStatus},
	TaskExtraOpen: failTask,
	SecretMissing: failTask,
	SecretLeft:    {done: "the secret was erased", task: audit.Record.EraseSecret},
	LeaseStale:    {done: "the lease was ended", task: audit.Record.ExpireLease},
	SlotHistory:   repairSlot,
	SlotOrder:     repairSlot,
	SlotHeld:      {done: "the slot is no longer held", task: audit.Record.CloseHold},
}

// change returns the change for a finding. countersMatch says whether the counters of the finding's plan agree with the
// history.
func (p repair) change(r audit.Record, f Finding, countersMatch bool, id string) tasks.Change {
	note := string(f.Code) + ": " + f.Found + "; " + p.done
	switch {
	case p.key != nil:
		return p.key(r, note, id)
	case p.slot:
		return r.RepairSlot(*r.Task(f.Task), countersMatch, note, id)
	}
	return p.task(r, *r.Task(f.Task), note, id)
}

// nextRepair returns the first finding that can be repaired now, and the change. If no finding can be
// repaired, the change has no id.
func (d Doctor) nextRepair(r audit.Record, found []Finding, failed map[Finding]bool, countersMatch map[string]bool) (Finding, tasks.Change) {
	for _, f := range found {
		p, repairable := repairs[f.Code]
		if !repairable || failed[f] || !r.Key.Exists() { // a repair needs a key that exists
			continue
		}
		c := p.change(r, f, countersMatch[f.Plan], d.NewID())
		if c.Task == nil || !r.Task(c.Task.ID).LeasedUntil.After(r.At) { // not while a daemon is working on the task
			return f, c
		}
	}
	return Finding{}, tasks.Change{}
}
