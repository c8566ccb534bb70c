package tasks

import (
	"cmp"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
)

// An Attempt is one call of the connector with its result and times.
type Attempt struct {
	Sent     time.Time // when the call began, by the store's clock
	Result   ConnectorResult
	Unopened error         // the reason why the account cannot be decrypted, or its login cannot be counted; then no request was sent
	Limited  bool          // the login had too many tests, or the key too many logins; then no request was sent
	Jitter   float64       // a random number in [0,1) for the pause before the next attempt
	Took     time.Duration // how long the call took

	login *LoginTest // the counted test; nil: none
}

// Settle decides how the snapshot's open task continues after an attempt. The task ends, has a later attempt, or
// continues with another plan. If the change claims a slot and no slot is free, the caller calls Settle again with empty
// = true. The id becomes that of the change.
//
// If the account cannot be decrypted, the task is tried again until the deadline, because this daemon may lack a master
// key. The daemon may still receive the master key, or another daemon may have it. These tries are not attempts,
// because no request was sent.
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

// Exhausted reports whether lost leases have used up the attempts of the snapshot's open task.
func (r Rules) Exhausted(v Snapshot) bool {
	return v.Task.withLostLeases().CountedAttempts >= r.Attempts
}

// GiveUp ends an exhausted task without a call of the connector.
func (r Rules) GiveUp(v Snapshot, id string) Change { return Fail(v, "no attempt is left", id) }

// Fail ends the snapshot's open task as if no attempt were left, and records the note. The slot becomes suspect if an
// attempt may have had an effect, and free otherwise.
func Fail(v Snapshot, note, id string) Change {
	result := Attempt{Result: ConnectorResult{Note: note}}
	d := decision{view: v, task: v.Task.withLostLeases(), Attempt: result, id: id}
	return d.end(SystemError, d.finalSlotState())
}

// A decision contains the arguments of [Rules.Settle], for the methods that Settle calls.
type decision struct {
	Rules
	view Snapshot
	task Task
	Attempt
	id string
}

// settled applies a final result. The task is then no longer in doubt, whatever the earlier attempts did.
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

func (d decision) finalSlotState() stock.State {
	if d.task.InDoubt {
		return stock.Suspect
	}
	return stock.Free
}

// pending makes the task due again while the provider is still working or a master key is missing. The pause equals the
// time since the first attempt, but is at least Backoff and at most MaxBackoff, unless the provider requests another
// pause. Therefore the time since the first attempt doubles with each attempt. The last try is at the deadline. A try
// that ends at or after the deadline without a final result ends the task.
func (d decision) pending() Change {
	deadline := d.task.FirstAttempt.Add(d.Deadline)
	if !d.view.At.Before(deadline) {
		return d.end(SystemError, d.finalSlotState())
	}
	pause := jittered(min(max(d.view.At.Sub(d.task.FirstAttempt), d.Backoff), d.MaxBackoff), d.Jitter)
	return d.retry(min(d.retryAfter(pause), deadline.Sub(d.view.At)))
}

// retryAfter returns the pause that the provider requests, at most MaxRetryAfter, or else the given pause.
func (d decision) retryAfter(pause time.Duration) time.Duration {
	if d.Result.RetryAfter > 0 {
		return min(d.Result.RetryAfter, d.MaxRetryAfter)
	}
	return pause
}

func (d decision) retry(pause time.Duration) Change {
	d.task.DueAt = d.view.At.Add(pause)
	return d.change(d.event(EventRetried))
}

// nextPlan frees the slot of a faulty plan and claims a slot of another plan. The task is immediately due.
func (d decision) nextPlan(outcome Outcome) Change {
	move, given := d.releaseSlot(stock.Free, outcome)
	t := &d.task
	given.Type, given.Outcome = EventPlanFaulty, outcome
	t.Faulty = append(append([]string(nil), t.Faulty...), t.Plan.ID)
	t.Plan, t.Ordinal, t.CountedAttempts = PlanSnapshot{}, t.Ordinal+1, 0
	t.DueAt = d.view.At
	claimed := t.Event(EventClaimed, d.view.At)
	claimed.From, claimed.To = stock.Free, stock.Held
	c := d.change(given, claimed)
	c.Transfer, c.Claim = move, &stock.Claim{Country: t.Country, Except: t.Faulty}
	return c
}

// end ends the task with the given outcome, moves its slot to the given state and erases its sealed account.
func (d decision) end(outcome Outcome, slot stock.State) Change {
	move, event := d.releaseSlot(slot, outcome)
	d.task.EndedAt, d.task.Outcome, d.task.Sealed = d.view.At, outcome, nil
	if move != nil {
		d.task.Slot = slot
	}
	event.Type, event.Outcome = EventEnded, outcome
	c := d.change(event)
	key := d.task.KeyAfter(d.view.Key, d.view.At, d.Result)
	if outcome.loginFailed() {
		key = d.chargeFailedLogin(key, d.view.At)
	}
	c.Key, c.Transfer = &key, move
	return c
}

// releaseSlot returns the transfer of the task's slot from held to the given state, and its event. The
// transfer has the fault of the outcome. The transfer is nil if the task does not hold a slot.
func (d decision) releaseSlot(to stock.State, outcome Outcome) (*stock.Transfer, Event) {
	event := d.event(EventEnded)
	if d.task.Slot != stock.Held {
		return nil, event
	}
	return d.task.transfer(to, outcome.Fault(), &event), event
}

// transfer returns the transfer of the task's slot to another state, and records it in the event.
func (t Task) transfer(to stock.State, fault stock.Fault, event *Event) *stock.Transfer {
	event.Plan, event.From, event.To = t.Plan.ID, t.Slot, to
	return &stock.Transfer{Plan: t.Plan.ID, Country: t.Country, From: t.Slot, To: to, Fault: fault}
}

func (d decision) change(events ...Event) Change {
	return Change{ID: d.id, Task: &d.task, Events: events}
}

func (d decision) event(cause EventType) Event {
	e := d.task.Event(cause, d.view.At)
	e.Note = sanitize(d.Result.Note)
	return e
}

// KeyAfter returns the key after the task has ended. The username and the address come from the result of the last
// attempt. The address of the task's plan replaces a missing address.
func (t Task) KeyAfter(key keys.Key, at time.Time, a ConnectorResult) keys.Key {
	message := t.Message()
	if t.Outcome == Success {
		key.FailedLogins = 0
	}
	switch {
	case t.Kind == Upgrade && t.Outcome == Success:
		return key.Upgrade(at, sanitize(a.Username), cmp.Or(sanitize(a.VerifyAddress), t.Plan.Address))
	case t.Kind == Upgrade:
		return key.Apply(keys.NotUpgraded, message)
	case t.Outcome == Success:
		return key.Apply(keys.Renewed, message)
	}
	return key.Apply(keys.NotRenewed, message)
}
