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

// An examination collects the findings about one record.
type examination struct {
	audit.Record
	sealer tasks.Sealer  // nil: secrets are not checked
	stale  time.Duration // a lease is a finding if it expired longer ago than this
	found  []Finding
}

// checks are the checks of a record, in the order in which their findings are repaired.
var checks = []func(*examination){
	(*examination).keyExists, (*examination).latestTaskExists, (*examination).tasksExist,
	(*examination).slotsMatchHistory, (*examination).onlyLatestIsOpen, (*examination).queueMatchesTask,
	(*examination).statusIsPossible, (*examination).upgradedOnce, (*examination).secretsMatchTasks,
	(*examination).secretsDecrypt, (*examination).leasesAreCurrent, (*examination).endedTasksHoldNoSlot,
}

// add adds a finding about the record's key and one of its tasks.
func (x *examination) add(code Code, task, format string, args ...any) {
	x.found = append(x.found, Finding{Code: code, Key: x.Code, Task: task, Found: fmt.Sprintf(format, args...)})
}

// addSlot adds a finding about the slot of a task. The finding also names the plan of the task.
func (x *examination) addSlot(code Code, t tasks.Task, format string, args ...any) {
	x.add(code, t.ID, format, args...)
	x.found[len(x.found)-1].Plan = t.Plan.ID
}

// keyExists checks that nothing is stored under a code without a key.
func (x *examination) keyExists() {
	if !x.Key.Exists() && len(x.Tasks)+len(x.Events) > 0 {
		x.add(KeyMissing, "", "there is no such key, but %d tasks and %d history entries of it", len(x.Tasks), len(x.Events))
	}
}

// latestTaskExists checks that the task which the key names exists and belongs to the key.
func (x *examination) latestTaskExists() {
	if x.Key.Task != "" && x.Task(x.Key.Task) == nil {
		x.add(TaskMissing, x.Key.Task, "the key is %s and names a task that is not its own", x.Key.Status)
	}
}

// tasksExist checks that every task of the history is stored.
func (x *examination) tasksExist() {
	seen := map[string]bool{"": true}
	for _, e := range x.Events {
		if !seen[e.Task] && x.Task(e.Task) == nil {
			x.add(TaskLost, e.Task, "the history names the task, whose slot it leaves %s", x.SlotHistory(e.Task))
		}
		seen[e.Task] = true
	}
}

// onlyLatestIsOpen checks that a key has up to one open task, and that an open task is the latest task of the key.
func (x *examination) onlyLatestIsOpen() {
	latest := x.ExpectedLatest()
	for _, t := range x.Open() {
		switch {
		case !x.Key.Exists():
		case t.ID != latest.ID:
			x.add(TaskExtraOpen, t.ID, "the %s is open, but the key's latest task is %s", t.Kind, latest.ID)
		case x.Key.Task != t.ID && (x.Key.Task == "" || x.Task(x.Key.Task) != nil):
			x.add(TaskUnnamed, t.ID, "the %s is open, but the key names %q as its latest task", t.Kind, x.Key.Task)
		}
	}
}

// queueMatchesTask checks that a key is in the queue if, and only if, its latest task is open.
func (x *examination) queueMatchesTask() {
	named := x.Task(x.Key.Task)
	queued, open := x.Key.Status == keys.InQueue, named != nil && named.Open()
	switch {
	case queued && len(x.Open()) == 0:
		x.add(QueueEmpty, x.Key.Task, "the key is in the queue, but no task of it is open")
	case !queued && open:
		x.add(QueueLeft, named.ID, "the key is %s, but its %s is open", x.Key.Status, named.Kind)
	}
}

// statusIsPossible checks that the status of the key agrees with whether the key is used. It also checks that no task of an
// active key has ended since the last reset, because the end of a task always gives the key another status.
func (x *examination) statusIsPossible() {
	switch {
	case !x.Key.Exists():
	case !x.Key.Status.AllowsUsed(x.Key.Used):
		used := map[bool]string{true: "used", false: "not used"}[x.Key.Used]
		x.add(StatusUsed, "", "the key's status is %q, but it is %s", string(x.Key.Status), used)
	case x.Key.Status == keys.Active:
		if status := x.RepairStatus("", "").Key.Status; status != keys.Active {
			x.add(StatusUsed, "", "the key is active, but its latest task has left it %s, and no reset came later", status)
		}
	}
}

// upgradedOnce checks that there was a renew or a reset between two successful upgrades. Two upgrades without a renew or
// reset between them are not a finding if the operator has released the slot of one of these upgrades.
func (x *examination) upgradedOnce() {
	var pairs [][2]string
	using, latest := "", ""
	for _, e := range x.Events {
		switch {
		case e.Type == tasks.EventAccepted:
			latest = e.Task
		case e.Type == tasks.EventArchived && madeUsed(e, latest): // no pair with an earlier upgrade, because archiving checks the history first
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
	for _, p := range pairs {
		x.add(UpgradedTwice, p[1], "the upgrade has succeeded, and so had %s before it", p[0])
	}
}

// madeUsed reports whether the event makes a key used. The argument latest is the id of the key's latest task. If an
// operator resolves an earlier task, the key does not become used.
func madeUsed(e tasks.Event, latest string) bool {
	success := e.Kind == tasks.Upgrade && e.Outcome == tasks.Success
	return success && (e.Type == tasks.EventEnded || e.Type == tasks.EventArchived || e.Type == tasks.EventResolved && e.Task == latest)
}

// madeUsable reports whether the event makes a key usable. The argument latest is the id of the key's latest task.
func madeUsable(e tasks.Event, latest string) bool {
	ended := e.Type == tasks.EventArchived || e.Task == latest && (e.Type == tasks.EventEnded || e.Type == tasks.EventResolved)
	return e.Type == tasks.EventReset || ended && (e.Kind == tasks.Renew) == (e.Outcome == tasks.Success)
}

// slotsMatchHistory checks that the slot of each task has the state that the history says. It also checks that each
// recorded move of a slot begins with the state with which the move before ended.
func (x *examination) slotsMatchHistory() {
	for _, t := range x.Tasks {
		history := x.SlotHistory(t.ID)
		switch {
		case !history.Matches(t):
			x.addSlot(SlotHistory, t, "the task says its slot is %s, the history says %s", describeSlot(t), history)
		case history.OutOfOrder():
			x.addSlot(SlotOrder, t, "the moves of the task's slot do not follow each other")
		}
	}
}

func describeSlot(t tasks.Task) string {
	if t.Slot == "" {
		return "none"
	}
	return string(t.Slot) + " of plan " + t.Plan.ID
}

// endedTasksHoldNoSlot checks that only open tasks hold slots.
func (x *examination) endedTasksHoldNoSlot() {
	for _, t := range x.Tasks {
		if !t.Open() && t.Slot == stock.Held {
			x.addSlot(SlotHeld, t, "the task has ended as %s, but holds a slot", t.Outcome)
		}
	}
}

// secretsMatchTasks checks that a task has a secret if, and only if, it is open.
func (x *examination) secretsMatchTasks() {
	for _, t := range x.Tasks {
		switch {
		case !t.Open() && t.Sealed != nil:
			x.add(SecretLeft, t.ID, "the task has ended, but has a secret of %d bytes", len(t.Sealed))
		case t.Open() && t.Sealed == nil:
			x.add(SecretMissing, t.ID, "the %s is open, but has no secret", t.Kind)
		}
	}
}

// secretsDecrypt checks that the secrets of open tasks can be opened, if there are master keys.
func (x *examination) secretsDecrypt() {
	for _, t := range x.Open() {
		if x.sealer == nil || t.Sealed == nil {
			continue
		}
		if err := t.Opens(x.sealer); err != nil {
			x.add(SecretSealed, t.ID, "the secret of the open %s does not open: %v", t.Kind, err)
		}
	}
}

// leasesAreCurrent checks that no lease expired long ago.
func (x *examination) leasesAreCurrent() {
	for _, t := range x.Open() {
		if !t.LeasedUntil.IsZero() && x.At.Sub(t.LeasedUntil) > x.stale {
			x.add(LeaseStale, t.ID, "the lease has run out at %s", t.LeasedUntil.UTC().Format(time.RFC3339))
		}
	}
}

// checkPlan checks the audit of one plan. The plan must exist, and its counters must be possible. The counters must be the
// sum of the recorded moves. The counts of the slots of the plan's tasks must also be that sum.
func checkPlan(t audit.PlanAudit) (found []Finding) {
	add := func(code Code, format string, args ...any) {
		found = append(found, Finding{Code: code, Plan: t.Plan.ID, Found: fmt.Sprintf(format, args...)})
	}
	count, none := t.Plan.Counts(), stock.SlotCounts{}
	switch {
	case t.Plan.Seq == 0 && t.Tasks == none && t.Moves == none:
		return nil // the plan is not stored, but no task and no history entry still has a slot of it
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
