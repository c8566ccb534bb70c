package doctor

import (
	"fmt"
	"time"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/audit"
)

// slotsMatchHistory checks that each task's slot is where its history says. It also checks that each move
// starts where the move before it ended.
func slotsMatchHistory(r audit.Record) []Finding {
	var found []Finding
	for _, t := range r.Tasks {
		history := r.SlotHistory(t.ID)
		var f []Finding
		switch {
		case !history.Matches(t):
			f = newFinding(SlotHistory, r, t.ID, "the task says its slot is %s, the history says %s", describeSlot(t), history)
		case history.OutOfOrder():
			f = newFinding(SlotOrder, r, t.ID, "the moves of the task's slot do not follow each other")
		}
		for i := range f {
			f[i].Plan = t.Plan.ID
		}
		found = append(found, f...)
	}
	return found
}

// describeSlot describes where a task's slot is.
func describeSlot(t tasks.Task) string {
	if t.Slot == "" {
		return "none"
	}
	return string(t.Slot) + " of plan " + t.Plan.ID
}

// endedTasksHoldNoSlot checks that only open tasks hold slots.
func endedTasksHoldNoSlot(r audit.Record) []Finding {
	var found []Finding
	for _, t := range r.Tasks {
		if !t.Open() && t.Slot == stock.Held {
			f := newFinding(SlotHeld, r, t.ID, "the task has ended as %s, but holds a slot", t.Outcome)
			f[0].Plan = t.Plan.ID
			found = append(found, f...)
		}
	}
	return found
}

// secretsMatchTasks checks that a task has a secret if, and only if, it is open.
func secretsMatchTasks(r audit.Record) []Finding {
	var found []Finding
	for _, t := range r.Tasks {
		switch {
		case !t.Open() && t.Sealed != nil:
			found = append(found, newFinding(SecretLeft, r, t.ID, "the task has ended, but has a secret of %d bytes", len(t.Sealed))...)
		case t.Open() && t.Sealed == nil:
			found = append(found, newFinding(SecretMissing, r, t.ID, "the %s is open, but has no secret", t.Kind)...)
		}
	}
	return found
}

// secretsDecrypt checks that the secrets of open tasks can be opened, if there are master keys.
func (d Doctor) secretsDecrypt(r audit.Record) []Finding {
	if d.Sealer == nil {
		return nil
	}
	var found []Finding
	for _, t := range r.Open() {
		if t.Sealed == nil {
			continue
		}
		if err := t.Opens(d.Sealer); err != nil {
			found = append(found, newFinding(SecretSealed, r, t.ID, "the secret of the open %s does not open: %v", t.Kind, err)...)
		}
	}
	return found
}

// leasesAreCurrent checks that no lease expired long ago.
func (d Doctor) leasesAreCurrent(r audit.Record) []Finding {
	var found []Finding
	for _, t := range r.Open() {
		if !t.LeasedUntil.IsZero() && r.At.Sub(t.LeasedUntil) > d.Stale {
			found = append(found, newFinding(LeaseStale, r, t.ID, "the lease has run out at %s", t.LeasedUntil.UTC().Format(time.RFC3339))...)
		}
	}
	return found
}

// checkPlan checks one audit. The plan must exist, and its counters must be possible. The counters must
// be the sum of the recorded moves. The plan's tasks must have the same number of slots.
func checkPlan(t audit.PlanAudit) []Finding {
	var found []Finding
	add := func(code Code, format string, args ...any) {
		found = append(found, Finding{Code: code, Plan: t.Plan.ID, Found: fmt.Sprintf(format, args...)})
	}
	count, none := t.Plan.Counts(), stock.SlotCounts{}
	switch {
	case t.Plan.Seq == 0 && t.Tasks == none && t.Moves == none:
		return nil // all its slots were given back
	case t.Plan.Seq == 0:
		add(PlanMissing, "there is no such plan, but its tasks have %s, and its moves add up to %s", t.Tasks, t.Moves)
		return found
	case !t.Plan.Valid():
		add(PlanCount, "of %d slots the counters have %s", t.Plan.Size, count)
	case count != t.Moves:
		add(PlanMoves, "the counters have %s, the recorded moves add up to %s", count, t.Moves)
	}
	if t.Tasks != t.Moves {
		add(PlanTasks, "the plan's tasks have %s, the recorded moves add up to %s", t.Tasks, t.Moves)
	}
	return found
}
