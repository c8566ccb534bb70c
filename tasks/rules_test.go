package tasks_test

import (
	"errors"
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// A bench accepts renews of one key, one after the other. Each renew ends immediately.
type bench struct {
	t     *testing.T
	rules tasks.Rules
	key   keys.Key
}

// try returns the time that the key must wait, or 0 if the request was accepted.
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

// burst returns the number of requests that are accepted at the given time, and the wait of the next request.
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

// TestKeyLimitEndsWithReset tests that a key has its full allowance after a reset.
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

// TestKeyLimitComesLast tests that any other refusal has priority over the rate limit.
func TestKeyLimitComesLast(t *testing.T) {
	b := newBench(t, 1)
	b.try(now)
	b.key.Invite = "invite"
	a := application{tasks.Snapshot{At: now, Key: b.key}, tasks.Renew, strongPassword, "ann", "US", "", ""}
	if _, err := b.rules.Accept(a.view, a.request(), "id", false); !errors.Is(err, tasks.KeyLegacy) {
		t.Error(err)
	}
}
