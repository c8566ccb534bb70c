package doctor

import "github.com/keyseat/keyseat/tasks"

// A treatment returns the change that repairs a finding. counted says whether the counters of the
// finding's plan agree with the history.
type treatment func(r tasks.Record, f Finding, counted bool, id string) tasks.Change

var treatments = map[Code]treatment{
	TaskMissing: realign,
	TaskForeign: realign,
	TaskUnnamed: realign,
	QueueEmpty:  realign,
	QueueLeft:   realign,
	StatusUsed: func(r tasks.Record, f Finding, _ bool, id string) tasks.Change {
		return r.RepairStatus(note(f, "status and use were put right"), id)
	},
	TaskExtraOpen: abandon,
	SecretMissing: abandon,
	SecretLeft: func(r tasks.Record, f Finding, _ bool, id string) tasks.Change {
		return r.EraseSecret(*r.Task(f.Task), note(f, "the secret was erased"), id)
	},
	LeaseStale: func(r tasks.Record, f Finding, _ bool, id string) tasks.Change {
		return r.ExpireLease(*r.Task(f.Task), note(f, "the lease was ended"), id)
	},
	SlotHistory: reslot,
	SlotOrder:   reslot,
	SlotHeld: func(r tasks.Record, f Finding, _ bool, id string) tasks.Change {
		return r.CloseHold(*r.Task(f.Task), note(f, "the slot is no longer held"), id)
	},
}

func realign(r tasks.Record, f Finding, _ bool, id string) tasks.Change {
	return r.RepairLatestTask(note(f, "the key follows its own latest task"), id)
}

func abandon(r tasks.Record, f Finding, _ bool, id string) tasks.Change {
	return r.FailTask(*r.Task(f.Task), note(f, "the task was ended"), id)
}

func reslot(r tasks.Record, f Finding, counted bool, id string) tasks.Change {
	return r.RepairSlot(*r.Task(f.Task), counted, note(f, "the task's slot and its history were made to agree"), id)
}

// note returns the history entry's note for a repair.
func note(f Finding, done string) string { return string(f.Code) + ": " + f.Found + "; " + done }

// next returns the first finding that can be repaired now, and the change. If no finding can be
// repaired, the change has no id.
func (d Doctor) next(r tasks.Record, found []Finding, given map[Finding]bool, counted map[string]bool) (Finding, tasks.Change) {
	for _, f := range found {
		treatment := treatments[f.Code]
		if treatment == nil || given[f] || !r.Key.Exists() { // without a key, no change is made
			continue
		}
		c := treatment(r, f, counted[f.Plan], d.NewID())
		if c.Task == nil || !r.Task(c.Task.ID).LeasedUntil.After(r.At) { // not while a daemon is working on the task
			return f, c
		}
	}
	return Finding{}, tasks.Change{}
}
