package tasks_test

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A trial is one answer to one open task: the whole of what [tasks.Rules.Settle] decides from.
type trial struct {
	kind    tasks.Kind
	answer  tasks.Answer
	tries   int
	lost    int
	doubt   bool
	ordinal int
	empty   bool
	age     time.Duration // since the first asking; negative: this is the first
}

var settleRules = tasks.Rules{
	Attempts: 3, Backoff: 2 * time.Second, MaxBackoff: time.Minute, MaxRetryAfter: 2 * time.Minute,
	Deadline: 15 * time.Minute, Plans: 3,
}

const jitter = 0.5 // takes a quarter off a pause

func (c trial) view() tasks.View {
	task := tasks.Task{
		ID: "T", Code: "CODE", Kind: c.kind, Country: "US", Version: 4, Fence: 6,
		Ordinal: c.ordinal, Asked: 10, Tries: c.tries, Lost: c.lost, Doubt: c.doubt,
		Created: now.Add(-time.Hour), Due: now.Add(-time.Minute), Leased: now.Add(time.Minute), Sealed: []byte("sealed"),
	}
	if c.age >= 0 {
		task.FirstAsked = now.Add(-c.age)
	}
	if c.kind == tasks.Upgrade {
		task.Plan, task.Slot, task.Faulty = tasks.PlanCopy{ID: "elm", Address: "street", Invite: "link"}, stock.Held, []string{"oak"}
	}
	key := keys.Key{
		Code: "CODE", Version: 9, Status: keys.InQueue, Used: c.kind == tasks.Renew, Task: "T",
		Username: "old", VerifyAddress: "old street", UsedDate: now.Add(-time.Hour), Limit: now,
	}
	return tasks.View{At: now, Key: key, Task: &task}
}

func (c trial) sent() time.Time { return now.Add(-time.Second) }

func (c trial) settle() tasks.Change {
	return settleRules.Settle(c.view(), tasks.Asking{Sent: c.sent(), Answer: c.answer, Jitter: jitter}, "change", c.empty)
}

// A verdict is what has to become of a task.
type verdict struct {
	what    string // "ended", "again", "next plan"
	outcome tasks.Outcome
	slot    stock.State
	due     time.Time
	tries   int
	doubt   bool
}

// expected is the oracle, in the order in which people would tell it.
func (c trial) expected() verdict {
	tries, doubt := c.tries+c.lost, c.doubt || c.lost > 0
	switch c.answer.Effect {
	case tasks.Settled:
		return c.expectedOutcome(tries)
	case tasks.Refused:
		return ended(tasks.SystemError, tries, doubt)
	case tasks.Pending:
		return c.later(tries, true, max(c.taken(), settleRules.Backoff))
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

// expectedOutcome is what a final answer makes of it: no doubt is left.
func (c trial) expectedOutcome(tries int) verdict {
	outcome, faulty := c.answer.Outcome, []tasks.Outcome{"plan_expired", "plan_full", "plan_invalid"}
	if !slices.Contains(endings[c.kind], outcome) {
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

// endings are the outcomes that a task of each kind can have, as the table lists them.
var endings = map[tasks.Kind][]tasks.Outcome{
	"upgrade": {
		"success", "system_error", "invalid_credentials", "account_locked", "out_of_stock", "already_premium",
		"upgraded_recently", "plan_expired", "plan_full", "plan_invalid", "already_member", "wrong_address",
	},
	"renew": {"success", "system_error", "invalid_credentials", "account_locked", "still_premium"},
}

// ended is the end without a certain outcome.
func ended(o tasks.Outcome, tries int, doubt bool) verdict {
	slot := stock.Free
	if doubt {
		slot = stock.Suspect
	}
	return verdict{what: "ended", outcome: o, slot: slot, tries: tries, doubt: doubt}
}

// taken is how long the task has been asked about.
func (c trial) taken() time.Duration {
	if c.age < 0 {
		return time.Second
	}
	return c.age
}

func (c trial) later(tries int, doubt bool, pause time.Duration) verdict {
	left := settleRules.Deadline - c.taken()
	if left <= 0 {
		return ended(tasks.SystemError, tries, doubt)
	}
	pause = min(pause, settleRules.MaxBackoff) * 3 / 4
	if c.answer.After > 0 {
		pause = min(c.answer.After, 2*time.Minute)
	}
	return verdict{what: "again", slot: stock.Held, due: now.Add(min(pause, left)), tries: tries, doubt: doubt}
}

var everyOutcome = append([]tasks.Outcome{"", "nonsense", "Success", "still_premium"}, endings["upgrade"]...)

// everyTrial gives each combination. What an effect does not look at is not varied with it.
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

func everyAnswer() (all []tasks.Answer) {
	for _, after := range []time.Duration{-time.Second, 0, 5 * time.Second, 2 * time.Minute, 24 * time.Hour} {
		for _, effect := range []tasks.Effect{tasks.Unknown, tasks.None, tasks.Pending, tasks.Refused} {
			all = append(all, tasks.Answer{Effect: effect, After: after, Outcome: tasks.Success, Note: "why"})
		}
	}
	for _, o := range everyOutcome {
		all = append(all, tasks.Answer{Effect: tasks.Settled, Outcome: o, Username: "ann", VerifyAddress: "road", Note: "why"})
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
		if sent := c.view().Task; change.Task.Asked != sent.Asked+sent.Lost+1 {
			t.Fatalf("%+v\nasked %d times", c, change.Task.Asked)
		}
	})
	if len(met) != 3 {
		t.Errorf("only met: %v", met)
	}
}

// compare holds a change to its verdict.
func compare(want verdict, c tasks.Change) error {
	task := *c.Task
	got := verdict{"again", task.Outcome, task.Slot, task.Due, task.Tries, task.Doubt}
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

// consistent holds what is true of every change that settles a task, whatever was decided.
func consistent(before tasks.View, c tasks.Change) error {
	was, is := *before.Task, *c.Task
	was.Lost = 0
	switch {
	case c.ID != "change" || len(c.Events) == 0 || c.Events[0].Note == "":
		return fmt.Errorf("it is not told: %+v", c)
	case is.Version != was.Version || is.Fence != was.Fence || is.Lost != 0:
		return fmt.Errorf("version, fence or lost leases")
	case is.Open() != (is.Sealed != nil) || is.Open() && !bytes.Equal(is.Sealed, was.Sealed):
		return fmt.Errorf("an open task has its secret, an ended one none")
	case is.Open() == (c.Key != nil) || is.Open() != (is.Outcome == ""):
		return fmt.Errorf("the end has an outcome and finishes the key, nothing else does")
	case is.Open() && is.Due.Before(before.At), !is.Open() && is.Ended != before.At:
		return fmt.Errorf("due or ended in the past")
	case is.Open() && c.Claim == nil && is.Due.After(is.FirstAsked.Add(settleRules.Deadline)):
		return fmt.Errorf("due after the deadline")
	case is.ID != was.ID || is.Code != was.Code || is.Kind != was.Kind || is.Country != was.Country || is.Created != was.Created:
		return fmt.Errorf("it is another task")
	}
	if c.Key != nil {
		if err := finished(before.Key, *c.Key, is); err != nil {
			return err
		}
	}
	return slots(was, c)
}

// finished holds the key to the table of its life.
func finished(was, is keys.Key, t tasks.Task) error {
	want := was
	want.Message = t.Outcome.Message(t.Kind)
	switch {
	case t.Kind == tasks.Upgrade && t.Outcome == tasks.Success:
		want.Status, want.Used, want.UsedDate = "success", true, t.Ended
		want.Username, want.VerifyAddress = is.Username, is.VerifyAddress // see TestUpgradeTells
	case t.Kind == tasks.Upgrade:
		want.Status, want.Used = "failed_upgrade", false
	case t.Outcome == tasks.Success:
		want.Status, want.Used, want.Username, want.VerifyAddress = "success_renew", false, "", ""
	default:
		want.Status, want.Used = "failed", true
	}
	if is != want {
		return fmt.Errorf("the key is %+v, not %+v", is, want)
	}
	return nil
}

// slots holds that the events tell what the move and the claim do, and that a renew does neither.
func slots(was tasks.Task, c tasks.Change) error {
	var told []stock.Move
	for _, e := range c.Events {
		if e.To != "" {
			told = append(told, stock.Move{Plan: e.Plan, From: e.From, To: e.To})
		}
		if e.At != now || e.Code != "CODE" || e.Task != "T" || e.Kind != was.Kind {
			return fmt.Errorf("%+v tells of something else", e)
		}
	}
	var done []stock.Move
	if m := c.Move; m != nil {
		done = append(done, stock.Move{Plan: m.Plan, From: m.From, To: m.To})
		if m.Country != was.Country || m.Plan != was.Plan.ID || m.Fault != c.Events[0].Outcome.Fault() {
			return fmt.Errorf("the move is %+v", *m)
		}
	}
	if c.Claim != nil {
		done = append(done, stock.Move{From: stock.Free, To: stock.Held})
		if c.Claim.Country != was.Country || !slices.Equal(c.Claim.Except, []string{"oak", "elm"}) || !slices.Equal(c.Task.Faulty, c.Claim.Except) {
			return fmt.Errorf("the claim is %+v", *c.Claim)
		}
		if c.Task.Ordinal != was.Ordinal+1 || c.Task.Plan != (tasks.PlanCopy{}) || c.Move == nil {
			return fmt.Errorf("the next plan is not a new one")
		}
	}
	if !slices.Equal(told, done) || was.Kind == tasks.Renew && len(done) > 0 || c.Key != nil && was.Slot == stock.Held && len(done) != 1 {
		return fmt.Errorf("told %+v, done %+v", told, done)
	}
	return nil
}

// TestSettleLeavesTheViewAlone holds that a decision may be made twice from the same view.
func TestSettleLeavesTheViewAlone(t *testing.T) {
	for _, a := range everyAnswer() {
		c := trial{kind: tasks.Upgrade, answer: a, ordinal: 1, lost: 1}
		v := c.view()
		v.Task.Faulty = make([]string, 1, 8) // room that an append could write to
		before := *v.Task
		asking := tasks.Asking{Sent: c.sent(), Answer: a, Jitter: jitter}
		first := settleRules.Settle(v, asking, "change", false)
		if again := settleRules.Settle(v, asking, "change", false); !reflect.DeepEqual(first, again) {
			t.Errorf("%+v: %+v, then %+v", a, first, again)
		}
		if !reflect.DeepEqual(before, *v.Task) || v.Task.Faulty[:2][1] != "" {
			t.Errorf("%+v changed the view", a)
		}
	}
}

// TestUpgradeTells holds where the account's name and address come from.
func TestUpgradeTells(t *testing.T) {
	for _, c := range []struct{ username, address, wantName, wantAddress string }{
		{"ann", "road", "ann", "road"},
		{"", "", "", "street"},
		{"a\x00n\xffn\n", "\u0085\x7f", "an\ufffdn", "street"},
	} {
		a := tasks.Answer{Effect: tasks.Settled, Outcome: tasks.Success, Username: c.username, VerifyAddress: c.address}
		key := trial{kind: tasks.Upgrade, answer: a, ordinal: 1}.settle().Key
		if key.Username != c.wantName || key.VerifyAddress != c.wantAddress {
			t.Errorf("%+v gives %q, %q", c, key.Username, key.VerifyAddress)
		}
	}
}

// TestNotesAreBounded holds that a talkative provider fills no disk, and that no character is torn.
func TestNotesAreBounded(t *testing.T) {
	note := "x" + string(bytes.Repeat([]byte("ä"), 5000))
	c := trial{kind: tasks.Renew, ordinal: 1, answer: tasks.Answer{Effect: tasks.None, Note: note}}.settle()
	if got := c.Events[0].Note; len(got) != 1023 || got != note[:1023] {
		t.Errorf("%d bytes", len(got))
	}
}

func TestBackoffDoubles(t *testing.T) {
	rules := tasks.DefaultRules()
	rules.Attempts, rules.Deadline = 12, 24*time.Hour
	for tries, want := range []time.Duration{2, 4, 8, 16, 32, 64, 120, 120, 120} {
		for _, jitter := range []float64{0, 0.25, 0.999999} {
			v := trial{kind: tasks.Renew, ordinal: 1, tries: tries}.view()
			c := rules.Settle(v, tasks.Asking{Sent: now, Jitter: jitter}, "change", false)
			full := want * time.Second
			if got, least := c.Task.Due.Sub(now), full-time.Duration(jitter*float64(full)/2); got != least {
				t.Errorf("attempt %d, jitter %v: %v, not %v", tries+1, jitter, got, least)
			}
		}
	}
}

// TestGiveUp holds that leases which ran out use up the attempts, and leave the slot in doubt.
func TestGiveUp(t *testing.T) {
	for _, kind := range tasks.Kinds() {
		for tries := range 4 {
			for lost := range 4 {
				c := trial{kind: kind, ordinal: 1, tries: tries, lost: lost, age: -1}
				if got := settleRules.Exhausted(c.view()); got != (tries+lost >= 3) {
					t.Errorf("%+v: exhausted %v", c, got)
				}
				change := settleRules.GiveUp(c.view(), "change")
				want := ended(tasks.SystemError, tries+lost, lost > 0)
				if kind == tasks.Renew {
					want.slot = ""
				}
				if err := compare(want, change); err != nil {
					t.Errorf("%+v: %v", c, err)
				}
				if err := consistent(c.view(), change); err != nil {
					t.Errorf("%+v: %v", c, err)
				}
			}
		}
	}
}
