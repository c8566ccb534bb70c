package doctor

import "github.com/keyseat/keyseat/keys"

// A Code names a kind of finding, for programs. It does not change. [Finding.Advice] says at length what
// each means.
type Code string

// The codes of what is found under one key.
const (
	KeyMissing    Code = "key_missing"     // something is stored under a code that has no key
	TaskMissing   Code = "task_missing"    // the key names a latest task that is not stored
	TaskForeign   Code = "task_foreign"    // the key names a task of another key
	TaskLost      Code = "task_lost"       // the history tells of a task that is not stored
	TaskUnread    Code = "task_unreadable" // a task's row cannot be read
	TaskExtraOpen Code = "task_stray"      // a task is open beside the one that the key waits for
	TaskUnnamed   Code = "task_unnamed"    // a task is open that the key does not name
	QueueEmpty    Code = "queue_empty"     // the key waits, but no task is open
	QueueLeft     Code = "queue_left"      // a task is open, but the key does not wait
	StatusUsed    Code = "status_used"     // the status does not agree with the use
	UpgradedTwice Code = "upgraded_twice"  // two upgrades succeeded for one use
	SecretLeft    Code = "secret_left"     // an ended task still has its secret
	SecretMissing Code = "secret_missing"  // an open task has none
	SecretSealed  Code = "secret_sealed"   // an open task's secret does not open
	LeaseStale    Code = "lease_stale"     // a lease ran out long ago, and nobody took the task
	SlotHistory   Code = "slot_history"    // a task's slot and the moves in its history do not agree
	SlotOrder     Code = "slot_order"      // the history moves a slot from where it was not
	SlotHeld      Code = "slot_held"       // an ended task still holds its slot
)

// The codes of what is found of one plan.
const (
	PlanCount   Code = "plan_count"   // its counters cannot be: one is negative, or they are more than its size
	PlanMoves   Code = "plan_moves"   // its counters are not the sum of the moves in the history
	PlanTasks   Code = "plan_tasks"   // its tasks have other slots than the history tells
	PlanMissing Code = "plan_missing" // tasks or history name a plan that is not stored
)

// A Finding is one thing that does not fit together.
type Finding struct {
	Code Code
	Key  keys.Code // "": it is of no key
	Task string    // its id, "": it is of no task
	Plan string    // its id, "": it is of no plan

	Found string // what is there, in words
	Done  string // what was done about it, "" for nothing
}

// An Advice is what there is to say of a kind of finding.
type Advice struct {
	Means  string // and why it matters
	Repair string // what a repair does, "" where only a person can know
	Decide string // what is left to the operator, "" for nothing
}

// Advice gives what there is to say.
func (f Finding) Advice() Advice { return advice[f.Code] }

// Codes lists every code.
func Codes() []Code {
	return []Code{
		KeyMissing, TaskMissing, TaskForeign, TaskLost, TaskUnread, TaskExtraOpen, TaskUnnamed, QueueEmpty, QueueLeft, StatusUsed, UpgradedTwice,
		SecretLeft, SecretMissing, SecretSealed, LeaseStale, SlotHistory, SlotOrder, SlotHeld,
		PlanCount, PlanMoves, PlanTasks, PlanMissing,
	}
}
