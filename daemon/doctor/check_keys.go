package doctor

import (
	"fmt"
	"slices"

	"github.com/keyseat/keyseat/keys"
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
