package doctor

// Texts that several codes share.
const (
	realigns = "The key is made to name its own latest task, and stands as that task leaves it: in the queue if it is open."
	resolve  = "If the slot becomes suspect: ask the provider whether the account is in the plan, then `keyseatd tasks resolve`."
	backup   = "Compare with a backup and with the provider, and bring back what is missing."
)

var advice = map[Code]Advice{
	KeyMissing: {
		Means:  "Tasks or history are stored under a code that has no key: the key's row was lost. Its holder is told that the key does not exist.",
		Decide: "Import the key again (`keyseatd keys import`), then let the doctor repair the rest.",
	},
	TaskMissing: {
		Means:  "The key names a latest task that is not stored. Its status may come from a task that nobody can look up.",
		Repair: realigns + " Without any task a key in the queue fails as with a system error, and can be used again.",
	},
	TaskForeign: {
		Means:  "The key names a task of another key as its latest, so it waits for what is not its own.",
		Repair: realigns,
	},
	TaskLost: {
		Means:  "The history tells of a task that is not stored any more. If it had a slot, the plan's counters keep that slot taken.",
		Decide: backup,
	},
	TaskUnread: {
		Means:  "A task is stored in a form that no program can read: it is not worked on. Nothing else is said of its key, and nothing mended, while it is so.",
		Decide: "Its row was changed past the program, or the disk is damaged: bring it back from a backup.",
	},
	TaskExtraOpen: {
		Means:  "A task is open, but another is the one that its key waits for. Its end would change the key behind its holder's back, and two tasks may put two accounts into plans.",
		Repair: "The task is ended with a system error and its secret erased. Its slot is freed if it was never asked about without an answer, and suspect else.",
		Decide: resolve,
	},
	TaskUnnamed: {
		Means:  "A task is open that its key does not know of: info does not show that it is at work.",
		Repair: realigns,
	},
	QueueEmpty: {
		Means:  "The key is in the queue, but no task is open: it would wait for ever, and its holder can do nothing.",
		Repair: "The key stands as its latest task has ended. Without any task it fails as with a system error, and can be used again.",
	},
	QueueLeft: {
		Means:  "The key's latest task is open, but the key is not in the queue: info shows what is not so.",
		Repair: "The key is put into the queue until the task ends.",
	},
	StatusUsed: {
		Means:  "The key's status and its use contradict each other, so upgrade and renew may both be refused, or the wrong one accepted.",
		Repair: "Status and use become what the end of its latest task, or its last reset, has left. Where there was neither, the use follows the status.",
	},
	UpgradedTwice: {
		Means:  "Two upgrades of the key have succeeded with no renew or reset between them: one key may occupy two slots.",
		Decide: "Ask the provider which of the two accounts is in its plan, and give the other's slot back (`keyseatd plans release`).",
	},
	SecretLeft: {
		Means:  "A task has ended, but the account that was sealed for it is still stored. Nobody needs it any more.",
		Repair: "The secret is erased.",
	},
	SecretMissing: {
		Means:  "A task is open, but the account that it is for is gone: the provider cannot be asked.",
		Repair: "The task is ended with a system error, so that the holder can try again. Its slot is freed if no asking can have had an effect, and suspect else.",
		Decide: resolve,
	},
	SecretSealed: {
		Means:  "None of the given master keys opens the account of an open task. A daemon with these keys asks the provider nothing, and ends the task with a system error once it has tried for as long as --task-deadline.",
		Decide: "Put the master key that it was sealed with back into the file: daemons read it again. If that key is lost, leave the task to end, and tell the holder to try again.",
	},
	LeaseStale: {
		Means:  "A daemon had the task and did not come back, and none has taken it over: perhaps no daemon serves.",
		Repair: "The lease is ended, as one that was lost: the asking may have had an effect. The next daemon goes on at once.",
		Decide: "See that a daemon serves.",
	},
	SlotHistory: {
		Means:  "Where the task says that its slot is and where the recorded moves have left it are two places: one of them was changed past the program, or is lost.",
		Repair: "The plan's counters decide. If they agree with the history the task is corrected, else the missing moves are added to the history.",
	},
	SlotOrder: {
		Means:  "The moves of the task's slot add up, but not in their order: it was held twice, or its hold was closed twice, or a line is lost.",
		Repair: "A line is drawn in the history: what was before it is not judged again.",
		Decide: "If the history was not touched by hand, this is a fault in the program: report it.",
	},
	SlotHeld: {
		Means:  "A task has ended, but still holds its slot, which nobody can buy or use.",
		Repair: "The slot is spent if the task has succeeded, and else suspect.",
		Decide: resolve,
	},
	PlanCount: {
		Means:  "A counter of the plan is negative, or more slots are taken than it has: it may be oversold, and upgrades in its country may fail.",
		Repair: "The counters become the sum of the recorded moves, which is noted in the history. If that is more than the plan's slots, nothing is changed.",
		Decide: "If more slots are taken than the plan has: give it as many (`keyseatd plans import`), or release some.",
	},
	PlanMoves: {
		Means:  "The plan's counters are not the sum of the recorded moves: they were changed past the program. Slots are lost to sale, or sold twice.",
		Repair: "The counters become that sum, which is noted in the history.",
	},
	PlanTasks: {
		Means:  "The plan's tasks have other slots than its history tells: a task or a key was lost, or its slot is still to be put right.",
		Decide: backup + " Until then the slots stay as the history has them, so that none is sold twice.",
	},
	PlanMissing: {
		Means:  "Tasks or moves name a plan that is not stored: its slots cannot be spent or given back.",
		Decide: "Import the plan again under its id, with its slots (`keyseatd plans import`), then let the doctor repair the rest.",
	},
}
