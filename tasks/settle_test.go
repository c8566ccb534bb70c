package tasks_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A trial is one connector result for one open task: everything on which [tasks.Rules.Settle] decides.
type trial struct {
	kind    tasks.Kind
	answer  tasks.ConnectorResult
	tries   int
	lost    int
	doubt   bool
	ordinal int
	empty   bool
	age     time.Duration // the time since the first attempt; negative: this is the first attempt
}

var settleRules = tasks.Rules{
	Attempts: 3, Backoff: 2 * time.Second, MaxBackoff: time.Minute, MaxRetryAfter: 2 * time.Minute,
	Deadline: 15 * time.Minute, Plans: 3,
}

const jitter = 0.5 // makes a pause a quarter shorter

func (c trial) view() tasks.Snapshot {
	task := tasks.Task{
		ID: "T", Code: "CODE", Kind: c.kind, Country: "US", Version: 4, Fence: 6,
		Ordinal: c.ordinal, Attempts: 10, CountedAttempts: c.tries, LostLeases: c.lost, InDoubt: c.doubt,
		CreatedAt: now.Add(-time.Hour), DueAt: now.Add(-time.Minute), LeasedUntil: now.Add(time.Minute), Sealed: []byte("sealed"),
	}
	if c.age >= 0 {
		task.FirstAttempt = now.Add(-c.age)
	}
	if c.kind == tasks.Upgrade {
		task.Plan, task.Slot, task.Faulty = tasks.PlanSnapshot{ID: "elm", Address: "street", Invite: "link"}, stock.Held, []string{"oak"}
	}
	key := keys.Key{
		Code: "CODE", Version: 9, Status: keys.InQueue, Used: c.kind == tasks.Renew, Task: "T",
		Username: "old", VerifyAddress: "old street", UsedDate: now.Add(-time.Hour), NextTaskAt: now, FailedLogins: 1,
	}
	return tasks.Snapshot{At: now, Key: key, Task: &task}
}

func (c trial) sent() time.Time { return now.Add(-time.Second) }

func (c trial) settle() tasks.Change {
	return settleRules.Settle(c.view(), tasks.Attempt{Sent: c.sent(), Result: c.answer, Jitter: jitter}, "change", c.empty)
}

// A verdict is the expected result of a trial.
type verdict struct {
	what    string // what happens to the task: "ended", "again" or "next plan"
	outcome tasks.Outcome
	slot    stock.State
	due     time.Time
	tries   int
	doubt   bool
}

// expected computes the expected result of a trial, without the rules of package tasks.
func (c trial) expected() verdict {
	tries, doubt := c.tries+c.lost, c.doubt || c.lost > 0
	switch c.answer.Effect {
	case tasks.Settled:
		return c.expectedOutcome(tries)
	case tasks.Refused:
		return ended(tasks.SystemError, tries, doubt)
	case tasks.Pending:
		return c.atWork(tries)
	case tasks.Unknown:
		doubt = true
	case tasks.None:
	}
	tries++
	if tries >= settleRules.Attempts {
		return ended(tasks.SystemError, tries, doubt)
	}
	return c.later(tries, doubt, settleRules.Backoff<<(tries-1))
}

// expectedOutcome computes the expected result of a trial in which the connector returns an outcome. The task is then
// not in doubt.
func (c trial) expectedOutcome(tries int) verdict {
	outcome, faulty := c.answer.Outcome, []tasks.Outcome{"plan_expired", "plan_full", "plan_invalid"}
	if !slices.Contains(outcomeRules[c.kind], outcome) {
		outcome = "system_error"
	}
	switch {
	case outcome == "success":
		return verdict{what: "ended", outcome: outcome, slot: stock.Spent, tries: tries}
	case slices.Contains(faulty, outcome) && c.ordinal < 3 && !c.empty:
		return verdict{what: "next plan", outcome: outcome, slot: stock.Held, due: now}
	}
	return verdict{what: "ended", outcome: outcome, slot: stock.Free, tries: tries}
}

// outcomeRules lists the outcomes that a connector may return for a task of each kind.
var outcomeRules = map[tasks.Kind][]tasks.Outcome{
	"upgrade": {
		"success", "system_error", "invalid_credentials", "account_locked", "out_of_stock", "already_premium",
		"upgraded_recently", "plan_expired", "plan_full", "plan_invalid", "already_member", "wrong_address",
	},
	"renew": {"success", "system_error", "invalid_credentials", "account_locked", "still_premium"},
}

// ended returns the expected result for a task that ends with an outcome that the connector has not returned.
func ended(o tasks.Outcome, tries int, doubt bool) verdict {
	slot := stock.Free
	if doubt {
		slot = stock.Suspect
	}
	return verdict{what: "ended", outcome: o, slot: slot, tries: tries, doubt: doubt}
}

// taken returns the time since the first attempt of the task, which may be the present attempt.
func (c trial) taken() time.Duration {
	if c.age < 0 {
		return time.Second
	}
	return c.age
}

// atWork returns the expected result while the provider still works on the task. Only in this case the deadline counts.
func (c trial) atWork(tries int) verdict {
	left := settleRules.Deadline - c.taken()
	if left <= 0 {
		return ended(tasks.SystemError, tries, true)
	}
	again := c.later(tries, true, max(c.taken(), settleRules.Backoff))
	if last := now.Add(left); again.due.After(last) {
		again.due = last
	}
	return again
}

func (c trial) later(tries int, doubt bool, pause time.Duration) verdict {
	pause = min(pause, settleRules.MaxBackoff) * 3 / 4
	if c.answer.RetryAfter > 0 {
		pause = min(c.answer.RetryAfter, 2*time.Minute)
	}
	return verdict{what: "again", slot: stock.Held, due: now.Add(pause), tries: tries, doubt: doubt}
}

var everyOutcome = append([]tasks.Outcome{"", "nonsense", "Success", "still_premium"}, outcomeRules["upgrade"]...)

// everyTrial calls do with each combination of inputs. It does not vary the inputs that are not used for an effect.
func everyTrial(do func(trial)) {
	for _, c := range everyAnswer() {
		for _, kind := range tasks.Kinds() {
			for tries := range settleRules.Attempts {
				for flags := range 12 {
					for _, age := range []time.Duration{-1, 0, time.Second, time.Minute, 14*time.Minute + 59*time.Second, 15*time.Minute - 1, 15 * time.Minute, time.Hour} {
						for ordinal := 1; ordinal <= 3; ordinal++ {
							if kind == tasks.Renew && ordinal > 1 {
								continue
							}
							do(trial{kind, c, tries, flags >> 2, flags&1 > 0, ordinal, flags&2 > 0, age})
						}
					}
				}
			}
		}
	}
}

func everyAnswer() (all []tasks.ConnectorResult) {
	for _, after := range []time.Duration{-time.Second, 0, 5 * time.Second, 2 * time.Minute, 24 * time.Hour} {
		for _, effect := range []tasks.Effect{tasks.Unknown, tasks.None, tasks.Pending, tasks.Refused} {
			all = append(all, tasks.ConnectorResult{Effect: effect, RetryAfter: after, Outcome: tasks.Success, Note: "why"})
		}
	}
	for _, o := range everyOutcome {
		all = append(all, tasks.ConnectorResult{Effect: tasks.Settled, Outcome: o, Username: "ann", VerifyAddress: "road", Note: "why"})
	}
	return all
}

func TestSettleEverything(t *testing.T) {
	met := map[string]int{}
	everyTrial(func(c trial) {
		want, change := c.expected(), c.settle()
		if c.kind == tasks.Renew {
			want.slot = ""
		}
		met[want.what]++
		if err := compare(want, change); err != nil {
			t.Fatalf("%+v\nwant %+v\n got %+v\n%v", c, want, *change.Task, err)
		}
		if err := consistent(c.view(), change); err != nil {
			t.Fatalf("%+v\n%+v\n%v", c, *change.Task, err)
		}
		if sent := c.view().Task; change.Task.Attempts != sent.Attempts+sent.LostLeases+1 {
			t.Fatalf("%+v\nasked %d times", c, change.Task.Attempts)
		}
	})
	if len(met) != 3 {
		t.Errorf("only met: %v", met)
	}
}

// compare compares a change with the expected result.
func compare(want verdict, c tasks.Change) error {
	task := *c.Task
	got := verdict{"again", task.Outcome, task.Slot, task.DueAt, task.CountedAttempts, task.InDoubt}
	switch {
	case !task.Open():
		got.what, got.due = "ended", time.Time{}
	case c.Claim != nil:
		got.what, got.outcome = "next plan", c.Events[0].Outcome
	}
	if got != want {
		return fmt.Errorf("this is %+v", got)
	}
	return nil
}
