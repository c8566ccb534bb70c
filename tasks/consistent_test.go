package tasks_test

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// consistent checks the conditions that are true for every change that settles a task.
func consistent(before tasks.Snapshot, c tasks.Change) error {
	was, is := *before.Task, *c.Task
	was.LostLeases = 0
	switch {
	case c.ID != "change" || len(c.Events) == 0 || c.Events[0].Note == "":
		return fmt.Errorf("the change has another id, no event or no note: %+v", c)
	case is.Version != was.Version || is.Fence != was.Fence || is.LostLeases != 0:
		return fmt.Errorf("version, fence or lost leases")
	case is.Open() != (is.Sealed != nil) || is.Open() && !bytes.Equal(is.Sealed, was.Sealed):
		return fmt.Errorf("an open task has its secret, an ended one none")
	case is.Open() == (c.Key != nil) || is.Open() != (is.Outcome == ""):
		return fmt.Errorf("the end has an outcome and finishes the key, nothing else does")
	case is.Open() && is.DueAt.Before(before.At), !is.Open() && is.EndedAt != before.At:
		return fmt.Errorf("due or ended in the past")
	case is.Open() && c.Claim == nil && is.CountedAttempts == before.Task.CountedAttempts+before.Task.LostLeases && is.DueAt.After(is.FirstAttempt.Add(settleRules.Deadline)):
		return fmt.Errorf("the provider is at work after the deadline")
	case is.ID != was.ID || is.Code != was.Code || is.Kind != was.Kind || is.Country != was.Country || is.CreatedAt != was.CreatedAt:
		return fmt.Errorf("it is another task")
	}
	if c.Key != nil {
		if err := finished(before.Key, *c.Key, is); err != nil {
			return err
		}
	}
	return slots(was, c)
}

// finished checks a key after the end of its task. The key before the end is was.
func finished(was, is keys.Key, t tasks.Task) error {
	want := was
	want.Message = t.Outcome.Message(t.Kind)
	switch {
	case t.Kind == tasks.Upgrade && t.Outcome == tasks.Success:
		want.Status, want.Used, want.UsedDate = "success", true, t.EndedAt
		want.Username, want.VerifyAddress = is.Username, is.VerifyAddress // TestUpgradeSetsTheAccount checks these fields
	case t.Kind == tasks.Upgrade:
		want.Status, want.Used = "failed_upgrade", false
	case t.Outcome == tasks.Success:
		want.Status, want.Used, want.Username, want.VerifyAddress = "success_renew", false, "", ""
	default:
		want.Status, want.Used = "failed", true
	}
	if t.Outcome == tasks.Success {
		want.FailedLogins = 0
	}
	if slices.Contains(failedLogins, t.Outcome) {
		want.FailedLogins++
	}
	if is != want {
		return fmt.Errorf("the key is %+v, not %+v", is, want)
	}
	return nil
}

// slots checks that the events record the transfer and the claim, and that a renew has neither.
func slots(was tasks.Task, c tasks.Change) error {
	var recorded []stock.Transfer
	for _, e := range c.Events {
		if e.To != "" {
			recorded = append(recorded, stock.Transfer{Plan: e.Plan, From: e.From, To: e.To})
		}
		if e.At != now || e.Code != "CODE" || e.Task != "T" || e.Kind != was.Kind {
			return fmt.Errorf("%+v is not about the task", e)
		}
	}
	var done []stock.Transfer
	if m := c.Transfer; m != nil {
		done = append(done, stock.Transfer{Plan: m.Plan, From: m.From, To: m.To})
		if m.Country != was.Country || m.Plan != was.Plan.ID || m.Fault != c.Events[0].Outcome.Fault() {
			return fmt.Errorf("the move is %+v", *m)
		}
	}
	if c.Claim != nil {
		done = append(done, stock.Transfer{From: stock.Free, To: stock.Held})
		if c.Claim.Country != was.Country || !slices.Equal(c.Claim.Except, []string{"oak", "elm"}) || !slices.Equal(c.Task.Faulty, c.Claim.Except) {
			return fmt.Errorf("the claim is %+v", *c.Claim)
		}
		if c.Task.Ordinal != was.Ordinal+1 || c.Task.Plan != (tasks.PlanSnapshot{}) || c.Transfer == nil {
			return fmt.Errorf("the next plan is not a new one")
		}
	}
	if !slices.Equal(recorded, done) || was.Kind == tasks.Renew && len(done) > 0 || c.Key != nil && was.Slot == stock.Held && len(done) != 1 {
		return fmt.Errorf("recorded %+v, done %+v", recorded, done)
	}
	return nil
}

// failedLogins are the outcomes after which a login counts as failed.
var failedLogins = []tasks.Outcome{tasks.InvalidCredentials, tasks.AccountLocked}
