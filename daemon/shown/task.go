package shown

import (
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A Task is a task without its account. Its state is open, ended or suspect. A suspect task has
// ended, and its slot must be resolved. Asked counts attempts, and lost leases too, because a lost
// lease may have included an attempt.
type Task struct {
	ID      string           `json:"id"`
	Code    keys.Code        `json:"code"`
	Kind    tasks.Kind       `json:"kind"`
	Country stock.Country    `json:"country"`
	State   tasks.TaskFilter `json:"state"`
	Outcome tasks.Outcome    `json:"outcome"`
	Plan    string           `json:"plan"`     // id of the plan whose slot it holds or held last
	Slot    stock.State      `json:"slot"`     // state of that slot
	Asked   int              `json:"asked"`    // number of attempts
	Doubt   bool             `json:"in_doubt"` // an attempt may have had an effect that no daemon has seen
	Created Time             `json:"created"`
	Due     Time             `json:"due"` // of an open task
	Leased  Time             `json:"leased_until"`
	Ended   Time             `json:"ended"`
}

// NewTask converts a task.
func NewTask(t tasks.Task) Task {
	shown := Task{
		ID: t.ID, Code: t.Code, Kind: t.Kind, Country: t.Country, State: state(t), Outcome: t.Outcome,
		Plan: t.Plan.ID, Slot: t.Slot, Asked: t.Attempts + t.LostLeases, Doubt: t.InDoubt || t.LostLeases > 0,
		Created: Time(t.CreatedAt), Leased: Time(t.LeasedUntil), Ended: Time(t.EndedAt),
	}
	if t.Open() {
		shown.Due = Time(t.DueAt)
	}
	return shown
}

// state returns the narrowest filter that matches the task.
func state(t tasks.Task) tasks.TaskFilter {
	for _, f := range []tasks.TaskFilter{tasks.SuspectTask, tasks.OpenTask} {
		if f.Match(t) {
			return f
		}
	}
	return tasks.EndedTask
}
