package doctor

import "github.com/keyseat/keyseat/keys"

// A Code names a kind of finding, for programs. It does not change.
type Code string

// The codes of what is found under one key.
const (
	KeyMissing    Code = "key_missing"
	TaskMissing   Code = "task_missing"
	TaskForeign   Code = "task_foreign"
	TaskLost      Code = "task_lost"
	TaskUnread    Code = "task_unreadable"
	TaskStray     Code = "task_stray"
	TaskUnnamed   Code = "task_unnamed"
	QueueEmpty    Code = "queue_empty"
	QueueLeft     Code = "queue_left"
	StatusUsed    Code = "status_used"
	UpgradedTwice Code = "upgraded_twice"
	SecretLeft    Code = "secret_left"
	SecretMissing Code = "secret_missing"
	SecretSealed  Code = "secret_sealed"
	LeaseStale    Code = "lease_stale"
	SlotHistory   Code = "slot_history"
	SlotOrder     Code = "slot_order"
	SlotHeld      Code = "slot_held"
)

// The codes of what is found of one plan.
const (
	PlanCount   Code = "plan_count"
	PlanMoves   Code = "plan_moves"
	PlanTasks   Code = "plan_tasks"
	PlanMissing Code = "plan_missing"
)

// A Finding is one thing that does not fit together.
type Finding struct {
	Code Code
	Key  keys.Code // "": it is of no key
	Task string
	Plan string

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
		KeyMissing, TaskMissing, TaskForeign, TaskLost, TaskUnread, TaskStray, TaskUnnamed, QueueEmpty, QueueLeft, StatusUsed, UpgradedTwice,
		SecretLeft, SecretMissing, SecretSealed, LeaseStale, SlotHistory, SlotOrder, SlotHeld,
		PlanCount, PlanMoves, PlanTasks, PlanMissing,
	}
}
