package shown

import (
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A Task is a task with nothing of its account. Its state is open, ended or suspect, which is
// ended with a slot to resolve. What a lease that was lost may have asked counts as asked.
type Task struct {
	ID      string           `json:"id"`
	Code    keys.Code        `json:"code"`
	Kind    tasks.Kind       `json:"kind"`
	Country stock.Country    `json:"country"`
	State   tasks.TaskFilter `json:"state"`
	Outcome tasks.Outcome    `json:"outcome"`
	Plan    string           `json:"plan"`     // the id of that whose slot it holds or held last
	Slot    stock.State      `json:"slot"`     // where that slot is
	Asked   int              `json:"asked"`    // how often
	Doubt   bool             `json:"in_doubt"` // an asking may have had an effect that nobody has seen
	Created Time             `json:"created"`
	Due     Time             `json:"due"` // of an open task
	Leased  Time             `json:"leased_until"`
	Ended   Time             `json:"ended"`
}

// NewTask shows a task.
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

// state is the narrowest filter that lets the task pass.
func state(t tasks.Task) tasks.TaskFilter {
	for _, f := range []tasks.TaskFilter{tasks.SuspectTask, tasks.OpenTask} {
		if f.Match(t) {
			return f
		}
	}
	return tasks.EndedTask
}
