package tasks

import (
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// An Effect is what is known, after an asking, of what the provider has done.
type Effect uint8

// The effects.
const (
	Unknown Effect = iota // it may have done anything: ask again
	None                  // it has done nothing: ask again
	Pending               // it is at work: ask again, which counts as no attempt
	Refused               // it has done nothing and never will: do not ask again
	Settled               // it is done: the outcome stands
)

// A ConnectorResult is what a [Connector] brings back. The zero Answer is that nothing is known.
type ConnectorResult struct {
	Effect        Effect
	Outcome       Outcome       // if settled
	Username      string        // of the account, if told
	VerifyAddress string        // of the plan, if told
	RetryAfter    time.Duration // the pause that was asked for; 0: none
	Note          string        // what happened, for the operator; no secret, and no URL with one
}

// An Attempt is an answer, when its question was sent, and how long it took.
type Attempt struct {
	Sent     time.Time // by the store's clock
	Result   ConnectorResult
	Unopened error   // why the account does not open, so that nothing was sent; else nil
	Jitter   float64 // in [0,1)
	Took     time.Duration
}

// Settle decides what becomes of the view's open task after an asking: it ends, is asked again
// later, or goes on with another plan. empty says that the claim of just this decision has found no
// slot. The id is the change's.
//
// An account that does not open is tried again until the deadline, because this daemon may lack a master key
// that it can still get, or that another daemon has. Nothing was sent, so none of these tries is an attempt.
func (r Rules) Settle(v Snapshot, a Attempt, id string, empty bool) Change {
	if a.Unopened != nil {
		return decision{r, v, v.Task.unopened(a.Sent), a, id}.pending()
	}
	task := v.Task.attempted(a.Sent)
	d := decision{r, v, task, a, id}
	switch a.Result.Effect {
	case Settled:
		return d.settled(empty)
	case Refused:
		return d.end(SystemError, d.finalSlotState())
	case Pending:
		d.task.InDoubt = true
		return d.pending()
	case None, Unknown:
		d.task.CountedAttempts++
		d.task.InDoubt = task.InDoubt || a.Result.Effect == Unknown
	}
	if d.task.CountedAttempts >= r.Attempts {
		return d.end(SystemError, d.finalSlotState())
	}
	return d.retry(d.retryAfter(r.backoff(d.task.CountedAttempts, a.Jitter)))
}

// Exhausted says that the view's open task must not be asked about any more, since leases that were
// lost have used up its attempts.
func (r Rules) Exhausted(v Snapshot) bool {
	return v.Task.withLostLeases().CountedAttempts >= r.Attempts
}

// GiveUp ends an exhausted task without asking.
func (r Rules) GiveUp(v Snapshot, id string) Change {
	d := decision{r, v, v.Task.withLostLeases(), Attempt{Result: ConnectorResult{Note: "no attempt is left"}}, id}
	return d.end(SystemError, d.finalSlotState())
}

// A decision is what the arms of Settle share.
type decision struct {
	Rules
	view Snapshot
	task Task
	Attempt
	id string
}

// settled enters a final answer, whatever earlier attempts left open.
func (d decision) settled(empty bool) Change {
	d.task.InDoubt = false
	outcome := d.Result.Outcome
	if !outcome.Fits(d.task.Kind) {
		outcome = SystemError
	}
	switch {
	case outcome == Success:
		return d.end(outcome, stock.Spent)
	case outcome.Fault() != "" && d.task.Ordinal < d.Plans && !empty:
		return d.nextPlan(outcome)
	}
	return d.end(outcome, stock.Free)
}

// finalSlotState is where the slot of a task without a certain outcome goes.
func (d decision) finalSlotState() stock.State {
	if d.task.InDoubt {
		return stock.Suspect
	}
	return stock.Free
}

// pending waits for a provider that is at work, or for a master key, until the deadline: then comes the last
// try, and an answer that comes no earlier is the last.
func (d decision) pending() Change {
	deadline := d.task.FirstAttempt.Add(d.Deadline)
	if !d.view.At.Before(deadline) {
		return d.end(SystemError, d.finalSlotState())
	}
	pause := d.pendingBackoff(d.view.At.Sub(d.task.FirstAttempt), d.Jitter)
	return d.retry(min(d.retryAfter(pause), deadline.Sub(d.view.At)))
}

// retryAfter is the pause that the provider asks for, within bounds, or else the one given.
func (d decision) retryAfter(pause time.Duration) time.Duration {
	if d.Result.RetryAfter > 0 {
		return min(d.Result.RetryAfter, d.MaxRetryAfter)
	}
	return pause
}

// retry makes the task due after a pause.
func (d decision) retry(pause time.Duration) Change {
	d.task.DueAt = d.view.At.Add(pause)
	return d.change(d.event(EventRetried))
}

// nextPlan gives the slot of a faulty plan back and claims one elsewhere, to be asked at once.
func (d decision) nextPlan(outcome Outcome) Change {
	move, given := d.releaseSlot(stock.Free, outcome)
	t := &d.task
	given.Type, given.Outcome = EventPlanFaulty, outcome
	t.Faulty = append(append([]string(nil), t.Faulty...), t.Plan.ID)
	t.Plan, t.Ordinal, t.CountedAttempts = PlanSnapshot{}, t.Ordinal+1, 0
	t.DueAt = d.view.At
	claimed := t.event(EventClaimed, d.view.At)
	claimed.From, claimed.To = stock.Free, stock.Held
	c := d.change(given, claimed)
	c.Transfer, c.Claim = move, &stock.Claim{Country: t.Country, Except: t.Faulty}
	return c
}

// end ends the task, with its slot in that state, and erases its secret.
func (d decision) end(outcome Outcome, slot stock.State) Change {
	move, event := d.releaseSlot(slot, outcome)
	d.task.EndedAt, d.task.Outcome, d.task.Sealed = d.view.At, outcome, nil
	if move != nil {
		d.task.Slot = slot
	}
	event.Type, event.Outcome = EventEnded, outcome
	c := d.change(event)
	key := d.task.keyAfter(d.view.Key, d.view.At, d.Result)
	c.Key, c.Transfer = &key, move
	return c
}

// releaseSlot takes the task's slot, if it holds one, out of held, with the fault the outcome says.
func (d decision) releaseSlot(to stock.State, outcome Outcome) (*stock.Transfer, Event) {
	event := d.event(EventEnded)
	if d.task.Slot != stock.Held {
		return nil, event
	}
	event.Plan, event.From, event.To = d.task.Plan.ID, stock.Held, to
	return &stock.Transfer{
		Plan: d.task.Plan.ID, Country: d.task.Country,
		From: stock.Held, To: to, Fault: outcome.Fault(),
	}, event
}

func (d decision) change(events ...Event) Change {
	return Change{ID: d.id, Task: &d.task, Events: events}
}

func (d decision) event(cause EventType) Event {
	e := d.task.event(cause, d.view.At)
	e.Note = sanitize(d.Result.Note)
	return e
}

// event is a line of history about the task.
func (t Task) event(cause EventType, at time.Time) Event {
	return Event{At: at, Type: cause, Code: t.Code, Task: t.ID, Kind: t.Kind, Outcome: t.Outcome}
}

// keyAfter is the key once the task has ended so.
func (t Task) keyAfter(key keys.Key, at time.Time, a ConnectorResult) keys.Key {
	message := t.Message()
	switch {
	case t.Kind == Upgrade && t.Outcome == Success:
		return key.Upgrade(at, sanitize(a.Username), or(sanitize(a.VerifyAddress), t.Plan.Address))
	case t.Kind == Upgrade:
		return key.Apply(keys.NotUpgraded, message)
	case t.Outcome == Success:
		return key.Apply(keys.Renewed, message)
	}
	return key.Apply(keys.NotRenewed, message)
}
