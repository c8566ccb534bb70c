package tasks_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/tasks"
)

// TestSettleKeepsTheSnapshot tests that Settle does not modify the snapshot, which may be needed for another decision.
func TestSettleKeepsTheSnapshot(t *testing.T) {
	for _, a := range everyAnswer() {
		c := trial{kind: tasks.Upgrade, answer: a, ordinal: 1, lost: 1}
		v := c.view()
		v.Task.Faulty = make([]string, 1, 8) // with capacity that a wrong append would write to
		before := *v.Task
		attempt := tasks.Attempt{Sent: c.sent(), Result: a, Jitter: jitter}
		first := settleRules.Settle(v, attempt, "change", false)
		if again := settleRules.Settle(v, attempt, "change", false); !reflect.DeepEqual(first, again) {
			t.Errorf("%+v: %+v, then %+v", a, first, again)
		}
		if !reflect.DeepEqual(before, *v.Task) || v.Task.Faulty[:2][1] != "" {
			t.Errorf("%+v changed the snapshot", a)
		}
	}
}

// TestUpgradeSetsTheAccount tests the source of the key's username and address after an upgrade.
func TestUpgradeSetsTheAccount(t *testing.T) {
	for _, c := range []struct{ username, address, wantName, wantAddress string }{
		{"ann", "road", "ann", "road"},
		{"", "", "", "street"},
		{"a\x00n\xffn\n", "\u0085\x7f", "an\ufffdn", "street"},
	} {
		a := tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success, Username: c.username, VerifyAddress: c.address}
		key := trial{kind: tasks.Upgrade, answer: a, ordinal: 1}.settle().Key
		if key.Username != c.wantName || key.VerifyAddress != c.wantAddress {
			t.Errorf("%+v gives %q, %q", c, key.Username, key.VerifyAddress)
		}
	}
}

// TestNotesAreBounded tests that a long note is cut to the maximum length, between two characters.
func TestNotesAreBounded(t *testing.T) {
	note := "x" + strings.Repeat("ä", 5000)
	c := trial{kind: tasks.Renew, ordinal: 1, answer: tasks.ConnectorResult{Effect: tasks.None, Note: note}}.settle()
	if got := c.Events[0].Note; len(got) != 1023 || got != note[:1023] {
		t.Errorf("%d bytes", len(got))
	}
}

func TestBackoffDoubles(t *testing.T) {
	rules := tasks.DefaultRules()
	rules.Attempts, rules.Deadline = 12, 24*time.Hour
	for tries, seconds := range []int{2, 4, 8, 16, 32, 64, 120, 120, 120} {
		for _, jitter := range []float64{0, 0.25, 0.999999} {
			v := trial{kind: tasks.Renew, ordinal: 1, tries: tries}.view()
			c := rules.Settle(v, tasks.Attempt{Sent: now, Jitter: jitter}, "change", false)
			full := time.Duration(seconds) * time.Second
			if got, least := c.Task.DueAt.Sub(now), full-time.Duration(jitter*float64(full)/2); got != least {
				t.Errorf("attempt %d, jitter %v: %v, not %v", tries+1, jitter, got, least)
			}
		}
	}
}

// TestGiveUp tests that lost leases use up the attempts and make the slot suspect.
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
