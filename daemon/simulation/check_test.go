package simulation_test

import (
	"context"
	"time"

	"github.com/keyseat/keyseat/daemon/doctor"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// checkEnd compares the journal, the store and the provider's ledger when all work has ended. It compares the
// store and the ledger again after the operator has resolved the suspect slots.
func (w *world) checkEnd() {
	w.checkEnded()
	w.checkAnswers()
	w.checkEffects()
	w.checkCounters()
	w.checkDoctor()
	w.resolveAll(tasks.Engine{
		Store: w.store, Rules: rules(), NewID: w.newID, Now: time.Now,
		Pause: func(context.Context, time.Duration) error { return errLost },
	})
	w.checkEffects()
	w.checkResolved()
	w.checkCounters()
}

func (w *world) all() []tasks.Task {
	views, err := w.store.Tasks(w.ctx, adminstore.TaskFilter{}, adminstore.Page{Limit: 1000})
	w.must(err)
	var all []tasks.Task
	for _, v := range views.Entries {
		all = append(all, *v.Task)
	}
	return all
}

// checkEnded checks that every task has ended exactly once.
func (w *world) checkEnded() {
	for _, t := range w.all() {
		if t.Open() {
			w.faults.add("I8", "task %s is still open: %s, due %v, leased until %v, %d attempts", t.ID, t.Kind, t.DueAt, t.LeasedUntil, t.Attempts)
		}
		n := 0
		for _, e := range w.store.record(t.Code).Events {
			if e.Task == t.ID && e.Type == tasks.EventEnded {
				n++
			}
		}
		if n > 1 {
			w.faults.add("I8", "task %s has ended %d times", t.ID, n)
		}
	}
}

// checkAnswers compares the journal with the tasks. An accepted request has exactly one task, with the data of
// the request. A refused request has no task, and no task exists without a request.
func (w *world) checkAnswers() {
	for _, t := range w.all() {
		r := w.journal.byID[t.ID]
		switch {
		case r == nil:
			w.faults.add("I7", "no request for task %s", t.ID)
		case r.answered && r.err != nil:
			w.faults.add("I7", "request %s was answered %v, and there is a task", r.id, r.err)
		case r.code != t.Code || r.kind != t.Kind || r.country != t.Country:
			w.faults.add("I6", "task %s is not what was submitted", t.ID)
		}
	}
	for _, r := range w.journal.byID {
		if r.answered && r.err == nil && w.store.task(r.id).ID == "" {
			w.faults.add("I6", "request %s was accepted, and there is no task", r.id)
		}
	}
}

// checkEffects compares the counters of the plans with the provider's ledger. No plan is oversold. If a request may
// have had an effect, its slot is spent or suspect.
func (w *world) checkEffects() {
	plans, err := w.store.Plans(w.ctx, 0, 100)
	w.must(err)
	for _, p := range plans {
		n := w.provider.members(p.ID)
		if n > p.Size || n > p.Spent+p.Suspect || n < p.Spent {
			w.faults.add("I3", "plan %s of %d has %d members at the provider, and %s", p.ID, p.Size, n, p.Counts())
		}
	}
	for _, t := range w.all() {
		w.checkOutcome(t)
		e := w.provider.member(t.ID + domain)
		member := e != nil && !e.left && t.Kind == tasks.Upgrade
		if member && t.Slot != stock.Spent && t.Slot != stock.Suspect || !member && t.Slot == stock.Spent {
			w.faults.add("I5", "task %s has a member at the provider: %v, and its slot is %s", t.ID, member, t.Slot)
		}
	}
}

// checkOutcome checks that the outcome of a task is the provider's answer to the last request. Two outcomes need no
// answer: a system error, and a lack of stock before the first request.
func (w *world) checkOutcome(t tasks.Task) {
	answer := w.provider.answerTo(t)
	unsent := answer == nil && t.Outcome == tasks.OutOfStock
	if t.Outcome != tasks.SystemError && !unsent && (answer == nil || answer.Outcome != t.Outcome) {
		w.faults.add("I5", "task %s has ended as %s, and the provider's answer was %v", t.ID, t.Outcome, answer)
	}
}

// checkResolved checks the state after the operator has resolved all suspect slots. No slot is suspect or held, and
// each plan has as many spent slots as it has members at the provider.
func (w *world) checkResolved() {
	plans, err := w.store.Plans(w.ctx, 0, 100)
	w.must(err)
	for _, p := range plans {
		if p.Spent != w.provider.members(p.ID) || p.Suspect+p.Held > 0 {
			w.faults.add("I3", "plan %s has %d members at the provider, and at last %s", p.ID, w.provider.members(p.ID), p.Counts())
		}
	}
}

// A slotLocation is the location of a slot: a plan and a state.
type slotLocation struct {
	plan  string
	state stock.State
}

// checkCounters checks that the counters of the plans are the sums of the recorded transfers. Each transfer of a slot
// must begin at the location where the previous transfer has ended.
func (w *world) checkCounters() {
	counted := map[slotLocation]int{}
	for i := range w.Keys {
		slots := map[string]slotLocation{} // the slots of tasks, by the ids of the tasks
		for _, e := range w.store.record(w.code(i)).Events {
			if e.To == "" {
				continue
			}
			from, to := slotLocation{e.Plan, e.From}, slotLocation{e.Plan, e.To}
			if has := slots[e.Task]; has != from && (has != slotLocation{} || e.From != stock.Free) {
				w.faults.add("I2", "the slot of task %s goes from %v to %v, but is %v", e.Task, from, to, has)
			}
			counted[from]--
			counted[to]++
			slots[e.Task] = to
			if e.To == stock.Free {
				delete(slots, e.Task)
			}
		}
	}
	plans, err := w.store.Plans(w.ctx, 0, 100)
	w.must(err)
	for _, p := range plans {
		sum := stock.SlotCounts{Held: counted[slotLocation{p.ID, stock.Held}], Spent: counted[slotLocation{p.ID, stock.Spent}], Suspect: counted[slotLocation{p.ID, stock.Suspect}]}
		if sum != p.Counts() {
			w.faults.add("I2", "plan %s has %s, its transfers add up to %s", p.ID, p.Counts(), sum)
		}
	}
}

// checkDoctor runs the doctor, which makes further checks.
func (w *world) checkDoctor() {
	d := doctor.Doctor{Store: w.store, Stale: time.Hour, NewID: w.newID}
	for f, err := range d.Examine(w.ctx) {
		w.must(err)
		w.faults.add("doctor", "%s: key %s, task %s, plan %s: %s", f.Code, f.Key, f.Task, f.Plan, f.Found)
	}
}
