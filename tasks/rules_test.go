package tasks_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// A bench accepts tasks of one key, one after the other. Each task ends immediately.
type bench struct {
	t     *testing.T
	rules tasks.Rules
	key   keys.Key
}

// try requests a renew. It returns the time that the key must wait, or 0 if the request was accepted.
func (b *bench) try(at time.Time) time.Duration {
	b.t.Helper()
	a := application{tasks.Snapshot{At: at, Key: b.key}, tasks.Renew, strongPassword, "ann", "US", "", ""}
	c, err := b.rules.Accept(a.view, a.request(), "id", false)
	if limited, is := errors.AsType[tasks.RateLimited](err); is {
		return limited.RetryAfter
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.key = c.Key.Apply(keys.NotRenewed, "")
	return 0
}

// burst returns the number of requests that are accepted at the given time, and how long the next request must wait.
func (b *bench) burst(at time.Time) (n int, wait time.Duration) {
	for n < 1000 {
		if wait = b.try(at); wait > 0 {
			break
		}
		n++
	}
	return n, wait
}

func newBench(t *testing.T, perHour int) *bench {
	b := &bench{t, tasks.DefaultRules(), keys.Key{Code: "K", Version: 1, Status: keys.Success, Used: true}}
	b.rules.KeyTasks = perHour
	return b
}

func TestKeyLimit(t *testing.T) {
	b := newBench(t, tasks.DefaultRules().KeyTasks)
	for _, step := range []struct {
		after time.Duration
		n     int
		wait  time.Duration
	}{
		{0, 20, 3 * time.Minute},
		{3*time.Minute - 1, 0, 1},
		{3 * time.Minute, 1, 3 * time.Minute},
		{4 * time.Minute, 0, 2 * time.Minute},
		{12 * time.Minute, 3, 3 * time.Minute},
		{72 * time.Minute, 20, 3 * time.Minute},
		{100 * time.Hour, 20, 3 * time.Minute},
	} {
		if n, wait := b.burst(now.Add(step.after)); n != step.n || wait != step.wait {
			t.Errorf("after %v: %d accepted, then a wait of %v; not %d and %v", step.after, n, wait, step.n, step.wait)
		}
	}
}

func TestKeyLimitOff(t *testing.T) {
	for _, off := range []int{0, -1} {
		b := newBench(t, off)
		b.key.NextTaskAt = now.Add(time.Hour)
		if n, _ := b.burst(now); n != 1000 {
			t.Errorf("%d: only %d accepted", off, n)
		}
	}
}

// TestKeyLimitEndsWithReset tests that a reset makes the whole burst of a key available again.
func TestKeyLimitEndsWithReset(t *testing.T) {
	b := newBench(t, 2)
	if n, wait := b.burst(now); n != 2 || wait != 30*time.Minute {
		t.Errorf("%d accepted, then a wait of %v", n, wait)
	}
	b.key = b.key.Reset().Apply(keys.NotRenewed, "")
	if n, _ := b.burst(now); n != 2 {
		t.Errorf("%d accepted after a reset", n)
	}
}

// TestKeyLimitComesLast tests that a request that is refused for another reason gets that refusal, and not the rate
// limit.
func TestKeyLimitComesLast(t *testing.T) {
	b := newBench(t, 1)
	b.try(now)
	b.key.Invite = "invite"
	a := application{tasks.Snapshot{At: now, Key: b.key}, tasks.Renew, strongPassword, "ann", "US", "", ""}
	if _, err := b.rules.Accept(a.view, a.request(), "id", false); !errors.Is(err, tasks.KeyLegacy) {
		t.Error(err)
	}
}

// upgrade accepts an upgrade, which ends immediately with the outcome. It returns the time that the key must wait, or 0
// if the request was accepted.
func (b *bench) upgrade(at time.Time, outcome tasks.Outcome) time.Duration {
	b.t.Helper()
	a := application{tasks.Snapshot{At: at, Key: b.key}, tasks.Upgrade, "password", "ann", "US", "", ""}
	c, err := b.rules.Accept(a.view, a.request(), "id", false)
	if limited, is := errors.AsType[tasks.RateLimited](err); is {
		return limited.RetryAfter
	}
	if err != nil {
		b.t.Fatal(err)
	}
	result := tasks.ConnectorResult{Effect: tasks.Settled, Outcome: outcome}
	b.key = *b.rules.Settle(tasks.Snapshot{At: at, Key: *c.Key, Task: c.Task}, tasks.Attempt{Sent: at, Result: result}, "end", false).Key
	return 0
}

// TestFailedLoginsCostMore tests how many accounts a holder can test with an unused key, and that a success ends the
// pauses.
func TestFailedLoginsCostMore(t *testing.T) {
	for _, outcome := range []tasks.Outcome{tasks.InvalidCredentials, tasks.AccountLocked} {
		b := newBench(t, tasks.DefaultRules().KeyTasks)
		b.key.Status, b.key.Used = keys.Active, false
		perDay, waits := make([]int, 4), []time.Duration{}
		for at := now; at.Before(now.Add(96 * time.Hour)); {
			if wait := b.upgrade(at, outcome); wait > 0 {
				waits, at = append(waits, wait), at.Add(wait)
				continue
			}
			perDay[at.Sub(now)/(24*time.Hour)]++
		}
		if want := []int{10, 1, 1, 1}; !slices.Equal(perDay, want) {
			t.Errorf("%s: %d accounts a day are tested, not %d", outcome, perDay, want)
		}
		for i, wait := range waits {
			if want := min(6*time.Minute<<i, 24*time.Hour); wait != want {
				t.Errorf("%s: pause %d lasts %s, not %s", outcome, i, wait, want)
			}
		}
	}
}

// TestSuccessfulLoginEndsPauses tests which outcomes count as a failed login, and that a success and a reset end the count.
func TestSuccessfulLoginEndsPauses(t *testing.T) {
	for _, outcome := range tasks.Outcomes(tasks.Upgrade) {
		b := newBench(t, tasks.DefaultRules().KeyTasks)
		b.rules.Plans = 1 // so that an outcome about a faulty plan ends the task
		b.key = keys.Key{Code: "K", Version: 1, Status: keys.Active, FailedLogins: 7}
		b.upgrade(now, outcome)
		want := 7
		if outcome == tasks.Success {
			want = 0
		}
		if slices.Contains(failedLogins, outcome) {
			want = 8
		}
		if b.key.FailedLogins != want {
			t.Errorf("%s: %d failed logins, not %d", outcome, b.key.FailedLogins, want)
		}
		if b.key = b.key.Reset(); b.key.FailedLogins != 0 || b.upgrade(now, outcome) != 0 {
			t.Errorf("%s: after a reset, the key has %d failed logins", outcome, b.key.FailedLogins)
		}
	}
}

// TestFailedLoginsWithoutKeyLimit tests that a daemon without a limit on tasks per key adds no pauses.
func TestFailedLoginsWithoutKeyLimit(t *testing.T) {
	b := newBench(t, 0)
	b.key.Status, b.key.Used = keys.Active, false
	for range 100 {
		if wait := b.upgrade(now, tasks.InvalidCredentials); wait > 0 {
			t.Fatalf("it pauses for %s", wait)
		}
	}
}
