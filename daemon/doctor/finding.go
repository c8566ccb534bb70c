package doctor

import "github.com/keyseat/keyseat/keys"

// A Code identifies a kind of finding, for programs. Its meaning never changes. [Finding.Advice]
// explains each code.
type Code string

// The codes of findings about one key.
const (
	KeyMissing    Code = "key_missing"     // something is stored under a code that has no key
	TaskMissing   Code = "task_missing"    // the key names a latest task that is not stored
	TaskForeign   Code = "task_foreign"    // the key names a task of another key
	TaskLost      Code = "task_lost"       // the history names a task that is not stored
	TaskUnread    Code = "task_unreadable" // a task's row cannot be read
	TaskExtraOpen Code = "task_stray"      // a task is open in addition to the key's latest task
	TaskUnnamed   Code = "task_unnamed"    // a task is open that the key does not name
	QueueEmpty    Code = "queue_empty"     // the key is in the queue, but no task is open
	QueueLeft     Code = "queue_left"      // the latest task is open, but the key is not in the queue
	StatusUsed    Code = "status_used"     // the status does not agree with the use or with the latest task
	UpgradedTwice Code = "upgraded_twice"  // two upgrades succeeded for one use
	SecretLeft    Code = "secret_left"     // an ended task still has its secret
	SecretMissing Code = "secret_missing"  // an open task has no secret
	SecretSealed  Code = "secret_sealed"   // the secret of an open task cannot be opened
	LeaseStale    Code = "lease_stale"     // a lease expired long ago, and no daemon took the task over
	SlotHistory   Code = "slot_history"    // a task's slot and the moves in its history do not agree
	SlotOrder     Code = "slot_order"      // the history moves a slot from a state in which it was not
	SlotHeld      Code = "slot_held"       // an ended task still holds its slot
)

// The codes of findings about one plan.
const (
	PlanCount   Code = "plan_count"   // a counter is negative, or the counters exceed the plan's size
	PlanMoves   Code = "plan_moves"   // its counters are not the sum of the moves in the history
	PlanTasks   Code = "plan_tasks"   // its tasks have other slots than the history says
	PlanMissing Code = "plan_missing" // tasks or history name a plan that is not stored
)

// A Finding is one inconsistency.
type Finding struct {
	Code Code
	Key  keys.Code // "": not about a key
	Task string    // id of the task; "": not about a task
	Plan string    // id of the plan; "": not about a plan

	Found string // the inconsistency, in words
	Done  string // the repair that was made; "": no repair
}

// An Advice explains a kind of finding.
type Advice struct {
	Means  string // the meaning, and why it matters
	Repair string // what a repair does; "": only a person can decide
	Decide string // the remaining work of the operator; "": nothing
}

// Advice returns the explanation of the finding's code.
func (f Finding) Advice() Advice { return advice[f.Code] }

// Codes lists every code.
func Codes() []Code {
	return []Code{
		KeyMissing, TaskMissing, TaskForeign, TaskLost, TaskUnread, TaskExtraOpen, TaskUnnamed, QueueEmpty, QueueLeft, StatusUsed, UpgradedTwice,
		SecretLeft, SecretMissing, SecretSealed, LeaseStale, SlotHistory, SlotOrder, SlotHeld,
		PlanCount, PlanMoves, PlanTasks, PlanMissing,
	}
}
