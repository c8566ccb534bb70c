package doctor

import (
	"maps"
	"slices"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// A Code identifies a kind of finding, for programs. Its meaning never changes. [Finding.Advice] explains each code.
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
	StatusUsed    Code = "status_used"     // the status does not agree with Used or with the latest task
	UpgradedTwice Code = "upgraded_twice"  // two upgrades succeeded with no renew or reset between them
	SecretLeft    Code = "secret_left"     // an ended task still has its secret
	SecretMissing Code = "secret_missing"  // an open task has no secret
	SecretSealed  Code = "secret_sealed"   // the secret of an open task cannot be opened
	LeaseStale    Code = "lease_stale"     // a lease expired long ago, and no daemon took the task over
	SlotHistory   Code = "slot_history"    // a task's slot and the moves in its history do not agree
	SlotOrder     Code = "slot_order"      // the history moves a slot from a state that the slot did not have
	SlotHeld      Code = "slot_held"       // an ended task still holds its slot
)

// The codes of findings about one plan, and about a country.
const (
	PlanCount   Code = "plan_count"   // a counter is negative, or the counters exceed the plan's size
	PlanMoves   Code = "plan_moves"   // the plan's counters are not the sum of the moves in the history
	PlanTasks   Code = "plan_tasks"   // the plan's tasks have other slots than the history says
	PlanMissing Code = "plan_missing" // tasks or history name a plan that is not stored
	StockSums   Code = "stock_sums"   // the sums of a country are not those of its plans
)

// A Finding is one inconsistency.
type Finding struct {
	Code    Code
	Key     keys.Code     // "": not about a key
	Task    string        // id of the task; "": not about a task
	Plan    string        // id of the plan; "": not about a plan
	Country stock.Country // "": not about a country
	Found   string        // the inconsistency, in words
	Done    string        // the repair that was made; "": no repair
}

// An Advice explains a kind of finding.
type Advice struct {
	Means  string // the meaning, and why it matters
	Repair string // what a repair does; "": only a person can decide
	Decide string // the remaining work of the operator; "": none
}

// Advice returns the explanation of the finding's code.
func (f Finding) Advice() Advice { return advice[f.Code] }

// Codes lists every code, in alphabetical order.
func Codes() []Code { return slices.Sorted(maps.Keys(advice)) }

// Texts that several codes share.
const (
	latestTask = "The key names its own latest task again. If that task is open, the key is put into the queue. If it has ended, a key in the queue gets the status that the task left."
	resolve    = "If the slot becomes suspect: check at the provider whether the account is in the plan, then run `keyseatd tasks resolve`."
	backup     = "Compare with a backup and with the provider, and restore what is missing."
)

var advice = map[Code]Advice{
	KeyMissing: {
		Means:  "Tasks or history are stored under a code that has no key: the key's row was lost. For its holder, the key does not exist.",
		Decide: "Import the key again (`keyseatd keys import`), then let the doctor repair the rest.",
	},
	TaskMissing: {
		Means:  "The key names a latest task that is not stored. Its status may come from a task that nobody can look up.",
		Repair: latestTask + " A key without any task in the queue fails as with a system error, and can be used again.",
	},
	TaskForeign: {
		Means:  "The key names a task of another key as its latest task, so its holder waits for the wrong task.",
		Repair: latestTask,
	},
	TaskLost: {
		Means:  "The history names a task that is not stored. If the task had a slot, the plan's counters keep that slot taken.",
		Decide: backup,
	},
	TaskUnread: {
		Means:  "A task's row cannot be read, so the task is not carried out. Until it can be read, nothing else about the key is checked or repaired.",
		Decide: "The row was changed by another program, or the disk is damaged: restore the row from a backup.",
	},
	TaskExtraOpen: {
		Means:  "A task is open in addition to the key's latest task. Its end would change the key unexpectedly, and two tasks may put two accounts into plans.",
		Repair: "The task is ended with a system error, and its secret is erased. Its slot becomes free if no attempt can have had an effect, and suspect otherwise.",
		Decide: resolve,
	},
	TaskUnnamed: {
		Means:  "A task is open that its key does not name: info does not show that the key is in the queue.",
		Repair: latestTask,
	},
	QueueEmpty: {
		Means:  "The key is in the queue, but no task is open: the key would wait forever, and its holder can do nothing.",
		Repair: "The key gets the status that its latest task left. Without any task it fails as with a system error, and can be used again.",
	},
	QueueLeft: {
		Means:  "The key's latest task is open, but the key is not in the queue: info shows a wrong status.",
		Repair: "The key is put into the queue until the task ends.",
	},
	StatusUsed: {
		Means:  "The key's status contradicts its use or its latest task, so upgrade and renew may both be refused, or the wrong one accepted.",
		Repair: "Status and use become those after the key's last reset, or after the end of its latest task. If there was neither, the use is changed to fit the status.",
	},
	UpgradedTwice: {
		Means:  "Two upgrades of the key succeeded with no renew or reset between them: one key may occupy two slots.",
		Decide: "Check at the provider which of the two accounts is in its plan, and release the other's slot (`keyseatd plans release`).",
	},
	SecretLeft: {
		Means:  "A task has ended, but the account that was sealed for it is still stored. Nobody needs it any more.",
		Repair: "The secret is erased.",
	},
	SecretMissing: {
		Means:  "A task is open, but its account is gone: no attempt can be made.",
		Repair: "The task is ended with a system error, so that the holder can try again. Its slot becomes free if no attempt can have had an effect, and suspect otherwise.",
		Decide: resolve,
	},
	SecretSealed: {
		Means:  "None of the given master keys opens the account of an open task. A daemon with these keys makes no attempt, and ends the task with a system error after --task-deadline.",
		Decide: "Put the master key that sealed it back into the file: daemons read the file again. If that key is lost, let the task end, and tell the holder to try again.",
	},
	LeaseStale: {
		Means:  "A daemon leased the task and did not come back, and no daemon has taken it over: perhaps no daemon serves.",
		Repair: "The lease is ended and counts as lost, because an attempt may have had an effect. The next daemon continues immediately.",
		Decide: "Check that a daemon serves.",
	},
	SlotHistory: {
		Means:  "The task and the recorded moves disagree about the place of the task's slot: one of them was lost, or was changed by another program.",
		Repair: "The plan's counters decide. If they agree with the history, the task is corrected. Otherwise the missing moves are added to the history.",
	},
	SlotOrder: {
		Means:  "The moves of the task's slot have the right sum, but not the right order: the slot was held or closed twice, or a history entry is lost.",
		Repair: "An entry is added to the history. The moves before it are not checked again.",
		Decide: "If nobody changed the history by hand, this is a fault in the program: report it.",
	},
	SlotHeld: {
		Means:  "A task has ended, but still holds its slot, which nobody can buy or use.",
		Repair: "The slot becomes spent if the task succeeded, and suspect otherwise.",
		Decide: resolve,
	},
	PlanCount: {
		Means:  "A counter of the plan is negative, or more slots are taken than the plan has: it may be oversold, and upgrades in its country may fail.",
		Repair: "The counters become the sum of the recorded moves, and the history records the correction. If that sum is more than the plan's slots, nothing is changed.",
		Decide: "If more slots are taken than the plan has: raise its slots (`keyseatd plans import`), or release some.",
	},
	PlanMoves: {
		Means:  "The plan's counters are not the sum of the recorded moves: another program changed them. Slots cannot be sold, or are sold twice.",
		Repair: "The counters become that sum, and the history records the correction.",
	},
	PlanTasks: {
		Means:  "The plan's tasks have other slots than its history says: a task or a key was lost, or a task's slot needs a repair.",
		Decide: backup + " Until then the slots stay as in the history, so that no slot is sold twice.",
	},
	PlanMissing: {
		Means:  "Tasks or moves name a plan that is not stored: its slots cannot be spent or released.",
		Decide: "Import the plan again under its id, with its slots (`keyseatd plans import`), then let the doctor repair the rest.",
	},
	StockSums: {
		Means:  "The sums of a country are not those of its plans: another program changed the sums, or changed plans without the triggers of the database. stock shows wrong numbers. No slot is sold twice, because upgrades read the plans.",
		Repair: "The sums become those of the plans.",
	},
}
