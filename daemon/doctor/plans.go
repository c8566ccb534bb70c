package doctor

import (
	"fmt"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// plan checks one audit. The plan must exist, and its counters must be possible. The counters must
// be the sum of the recorded moves. The plan's tasks must have the same number of slots.
func plan(t tasks.PlanAudit) []Finding {
	var found []Finding
	say := func(code Code, format string, args ...any) {
		found = append(found, Finding{Code: code, Plan: t.Plan.ID, Found: fmt.Sprintf(format, args...)})
	}
	count, none := t.Plan.Counts(), stock.SlotCounts{}
	switch {
	case t.Plan.Seq == 0 && t.Tasks == none && t.Moves == none:
		return nil // all its slots were given back
	case t.Plan.Seq == 0:
		say(PlanMissing, "there is no such plan, but its tasks have %s, and its moves add up to %s", t.Tasks, t.Moves)
		return found
	case !t.Plan.Valid():
		say(PlanCount, "of %d slots the counters have %s", t.Plan.Size, count)
	case count != t.Moves:
		say(PlanMoves, "the counters have %s, the recorded moves add up to %s", count, t.Moves)
	}
	if t.Tasks != t.Moves {
		say(PlanTasks, "the plan's tasks have %s, the recorded moves add up to %s", t.Tasks, t.Moves)
	}
	return found
}
