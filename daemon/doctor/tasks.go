package doctor

import (
	"time"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// slotsAgree checks that each task's slot is where its history says. It also checks that each move
// starts where the move before it ended.
func slotsAgree(r tasks.Record) []Finding {
	var found []Finding
	for _, t := range r.Tasks {
		trail := r.SlotHistory(t.ID)
		var f []Finding
		switch {
		case !trail.Matches(t):
			f = of(SlotHistory, r, t.ID, "the task says its slot is %s, the history says %s", slot(t), trail)
		case trail.OutOfOrder():
			f = of(SlotOrder, r, t.ID, "the moves of the task's slot do not follow each other")
		}
		for i := range f {
			f[i].Plan = t.Plan.ID
		}
		found = append(found, f...)
	}
	return found
}

// slot describes where a task's slot is.
func slot(t tasks.Task) string {
	if t.Slot == "" {
		return "none"
	}
	return string(t.Slot) + " of plan " + t.Plan.ID
}

// endedHoldNothing checks that only open tasks hold slots.
func endedHoldNothing(r tasks.Record) []Finding {
	var found []Finding
	for _, t := range r.Tasks {
		if !t.Open() && t.Slot == stock.Held {
			f := of(SlotHeld, r, t.ID, "the task has ended as %s, but holds a slot", t.Outcome)
			f[0].Plan = t.Plan.ID
			found = append(found, f...)
		}
	}
	return found
}

// secretsAreErased checks that a task has a secret if, and only if, it is open.
func secretsAreErased(r tasks.Record) []Finding {
	var found []Finding
	for _, t := range r.Tasks {
		switch {
		case !t.Open() && t.Sealed != nil:
			found = append(found, of(SecretLeft, r, t.ID, "the task has ended, but has a secret of %d bytes", len(t.Sealed))...)
		case t.Open() && t.Sealed == nil:
			found = append(found, of(SecretMissing, r, t.ID, "the %s is open, but has no secret", t.Kind)...)
		}
	}
	return found
}

// secretsOpen checks that the secrets of open tasks can be opened, if there are master keys.
func (d Doctor) secretsOpen(r tasks.Record) []Finding {
	if d.Sealer == nil {
		return nil
	}
	var found []Finding
	for _, t := range r.Open() {
		if t.Sealed == nil {
			continue
		}
		if err := t.Opens(d.Sealer); err != nil {
			found = append(found, of(SecretSealed, r, t.ID, "the secret of the open %s does not open: %v", t.Kind, err)...)
		}
	}
	return found
}

// leasesLive checks that no lease expired long ago.
func (d Doctor) leasesLive(r tasks.Record) []Finding {
	var found []Finding
	for _, t := range r.Open() {
		if !t.LeasedUntil.IsZero() && r.At.Sub(t.LeasedUntil) > d.Stale {
			found = append(found, of(LeaseStale, r, t.ID, "the lease has run out at %s", t.LeasedUntil.UTC().Format(time.RFC3339))...)
		}
	}
	return found
}
