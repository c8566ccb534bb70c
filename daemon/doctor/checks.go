package doctor

import (
	"fmt"
	"slices"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/audit"
)

// A check examines one record.
type check func(r audit.Record) []Finding

// checks returns the checks in the order in which their findings are repaired.
func (d Doctor) checks() []check {
	return []check{
		keyExists, latestTaskExists, tasksExist, slotsMatchHistory, onlyLatestIsOpen, queueMatchesTask, statusIsPossible,
		upgradedOnce, secretsMatchTasks, d.secretsDecrypt, d.leasesAreCurrent, endedTasksHoldNoSlot,
	}
}

// newFinding returns a finding about the record's key and one of its tasks.
func newFinding(code Code, r audit.Record, task, format string, args ...any) []Finding {
	return []Finding{{Code: code, Key: r.Code, Task: task, Found: fmt.Sprintf(format, args...)}}
}

// keyExists checks that nothing is stored under a code without a key.
func keyExists(r audit.Record) []Finding {
	if r.Key.Exists() || len(r.Tasks)+len(r.Events) == 0 {
		return nil
	}
	return newFinding(KeyMissing, r, "", "there is no such key, but %d tasks and %d history entries of it", len(r.Tasks), len(r.Events))
}

// latestTaskExists checks that the task which the key names exists and belongs to the key.
func latestTaskExists(r audit.Record) []Finding {
	if r.Key.Task == "" || r.Task(r.Key.Task) != nil {
		return nil
	}
	return newFinding(TaskMissing, r, r.Key.Task, "the key is %s and names a task that is not its own", r.Key.Status)
}

// tasksExist checks that every task of the history is stored.
func tasksExist(r audit.Record) []Finding {
	var found []Finding
	seen := map[string]bool{"": true}
	for _, e := range r.Events {
		if !seen[e.Task] && r.Task(e.Task) == nil {
			found = append(found, newFinding(TaskLost, r, e.Task, "the history names the task, whose slot it leaves %s", r.SlotHistory(e.Task))...)
		}
		seen[e.Task] = true
	}
	return found
}

// onlyLatestIsOpen checks that a key has up to one open task, and that this is its latest task.
func onlyLatestIsOpen(r audit.Record) []Finding {
	var found []Finding
	latest := r.ExpectedLatest()
	for _, t := range r.Open() {
		switch {
		case !r.Key.Exists():
		case t.ID != latest.ID:
			found = append(found, newFinding(TaskExtraOpen, r, t.ID, "the %s is open, but the key's latest task is %s", t.Kind, latest.ID)...)
		case r.Key.Task != t.ID && (r.Key.Task == "" || r.Task(r.Key.Task) != nil):
			found = append(found, newFinding(TaskUnnamed, r, t.ID, "the %s is open, but the key names %q as its latest task", t.Kind, r.Key.Task)...)
		}
	}
	return found
}

// queueMatchesTask checks that a key is in the queue if, and only if, its latest task is open.
func queueMatchesTask(r audit.Record) []Finding {
	named := r.Task(r.Key.Task)
	queued, open := r.Key.Status == keys.InQueue, named != nil && named.Open()
	switch {
	case queued && len(r.Open()) == 0:
		return newFinding(QueueEmpty, r, r.Key.Task, "the key is in the queue, but no task of it is open")
	case !queued && open:
		return newFinding(QueueLeft, r, named.ID, "the key is %s, but its %s is open", r.Key.Status, named.Kind)
	}
	return nil
}

// statusIsPossible checks that the status agrees with the use. It also checks that an active key has
// no ended task since its last reset, because no task makes a key active.
func statusIsPossible(r audit.Record) []Finding {
	switch {
	case !r.Key.Exists():
		return nil
	case !r.Key.Status.AllowsUsed(r.Key.Used):
		used := map[bool]string{true: "used", false: "not used"}[r.Key.Used]
		return newFinding(StatusUsed, r, "", "the key's status is %q, but it is %s", string(r.Key.Status), used)
	case r.Key.Status == keys.Active:
		if status := r.RepairStatus("", "").Key.Status; status != keys.Active {
			return newFinding(StatusUsed, r, "", "the key is active, but its latest task has left it %s, and no reset came later", status)
		}
	}
	return nil
}

// upgradedOnce checks for a renew or a reset between two successful upgrades. If the operator has
// released a slot of the two, that is not a finding.
func upgradedOnce(r audit.Record) []Finding {
	var pairs [][2]string
	using, latest := "", ""
	for _, e := range r.Events {
		switch {
		case e.Type == tasks.EventAccepted:
			latest = e.Task
		case e.Type == tasks.EventArchived && madeUsed(e, latest): // the archived history was checked before
			using = e.Task
		case e.Type == tasks.EventReleased:
			pairs = slices.DeleteFunc(pairs, func(p [2]string) bool { return p[0] == e.Task || p[1] == e.Task })
		case madeUsed(e, latest) && using != "":
			pairs = append(pairs, [2]string{using, e.Task})
		case madeUsed(e, latest):
			using = e.Task
		case madeUsable(e, latest):
			using = ""
		}
	}
	var found []Finding
	for _, p := range pairs {
		found = append(found, newFinding(UpgradedTwice, r, p[1], "the upgrade has succeeded, and so had %s before it", p[0])...)
	}
	return found
}

// madeUsed reports whether the event makes a key used. latest is the key's latest task. An earlier
// task that an operator resolves does not make the key used.
func madeUsed(e tasks.Event, latest string) bool {
	success := e.Kind == tasks.Upgrade && e.Outcome == tasks.Success
	return success && (e.Type == tasks.EventEnded || e.Type == tasks.EventArchived || e.Type == tasks.EventResolved && e.Task == latest)
}

// madeUsable reports whether the event makes a key usable. latest is the key's latest task.
func madeUsable(e tasks.Event, latest string) bool {
	ended := e.Type == tasks.EventArchived || e.Task == latest && (e.Type == tasks.EventEnded || e.Type == tasks.EventResolved)
	return e.Type == tasks.EventReset || ended && (e.Kind == tasks.Renew) == (e.Outcome == tasks.Success)
}

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

// checkLevel checks that the sums of a country are those of its plans.
func checkLevel(l audit.LevelAudit) []Finding {
	if l.Stored == l.Counted {
		return nil
	}
	return []Finding{{Code: StockSums, Country: l.Country, Found: fmt.Sprintf("the sums are %s, the plans have %s", l.Stored, l.Counted)}}
}
