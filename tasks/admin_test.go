package tasks_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

func TestRevoke(t *testing.T) {
	for _, v := range everyView() {
		c, err := tasks.Revoke(v, "id")
		if !v.Key.Exists() {
			refusedWith(t, v, c, err, tasks.ErrNoKey)
			continue
		}
		key := v.Key
		key.Revoked = true
		decided(t, v, c, err, tasks.Change{ID: "id", Key: &key, Events: []tasks.Event{{At: now, Type: tasks.EventRevoked, Code: "CODE"}}})
	}
}

func TestRestore(t *testing.T) {
	for _, v := range everyView() {
		c, err := tasks.Restore(v, "id")
		if !v.Key.Exists() {
			refusedWith(t, v, c, err, tasks.ErrNoKey)
			continue
		}
		key := v.Key
		key.Revoked = false
		decided(t, v, c, err, tasks.Change{ID: "id", Key: &key, Events: []tasks.Event{{At: now, Type: tasks.EventRestored, Code: "CODE"}}})
	}
}

func TestReset(t *testing.T) {
	for _, v := range everyView() {
		c, err := tasks.Reset(v, "id")
		switch {
		case !v.Key.Exists():
			refusedWith(t, v, c, err, tasks.ErrNoKey)
		case v.Task != nil && v.Task.Open():
			refusedWith(t, v, c, err, tasks.ErrTaskOpen)
		default:
			key := keys.Key{Code: "CODE", Version: 5, Status: keys.Active, Task: "old", UsedDate: v.Key.UsedDate, OrderID: "order"}
			decided(t, v, c, err, tasks.Change{ID: "id", Key: &key, Events: []tasks.Event{{At: now, Type: tasks.EventReset, Code: "CODE"}}})
		}
	}
}

func TestHurry(t *testing.T) {
	waiting := tasks.Task{ID: "T", Code: "CODE", Kind: tasks.Renew, Version: 3, Fence: 2, DueAt: now.Add(time.Hour), LostLeases: 1, Sealed: []byte("s")}
	hurried := waiting
	hurried.DueAt = now
	c, err := tasks.RetryNow(tasks.Snapshot{At: now, Task: &waiting}, "id")
	decided(t, tasks.Snapshot{}, c, err, tasks.Change{
		ID: "id", Task: &hurried,
		Events: []tasks.Event{{At: now, Type: tasks.EventRetryNow, Code: "CODE", Task: "T", Kind: tasks.Renew}},
	})

	leased, done := waiting, waiting
	leased.LeasedUntil, done.EndedAt = now.Add(-time.Minute), now
	for want, task := range map[error]*tasks.Task{tasks.ErrNoTask: nil, tasks.ErrTaskLeased: &leased, tasks.ErrTaskEnded: &done} {
		v := tasks.Snapshot{At: now, Task: task}
		c, err := tasks.RetryNow(v, "id")
		refusedWith(t, v, c, err, want)
	}
}

// suspect returns an ended task with a suspect slot. It is the latest task of its key.
func suspect() tasks.Snapshot {
	return tasks.Snapshot{
		At: now,
		Key: keys.Key{
			Code: "CODE", Version: 8, Status: keys.FailedUpgrade, Task: "T",
			Message: "System error, try again and if the problem persists contact support",
		},
		Task: &tasks.Task{
			ID: "T", Code: "CODE", Kind: tasks.Upgrade, Country: "US", Version: 3, Fence: 2, Ordinal: 2, InDoubt: true,
			Plan: tasks.PlanSnapshot{ID: "elm", Address: "street"}, Slot: stock.Suspect, EndedAt: now.Add(-time.Hour), Outcome: tasks.SystemError,
		},
	}
}

func TestResolve(t *testing.T) {
	for _, outcome := range outcomeRules[tasks.Upgrade] {
		for _, latest := range []bool{true, false} {
			v := suspect()
			if !latest {
				v.Key.Task, v.Key.Status, v.Key.Message = "later", keys.InQueue, ""
			}
			task, slot := *v.Task, stock.Free
			if outcome == tasks.Success {
				slot = stock.Spent
			}
			task.Outcome, task.Slot, task.InDoubt = outcome, slot, false
			want := tasks.Change{
				ID: "id", Task: &task,
				Transfer: &stock.Transfer{Plan: "elm", Country: "US", From: stock.Suspect, To: slot, Fault: outcome.Fault()},
				Events: []tasks.Event{{
					At: now, Type: tasks.EventResolved, Code: "CODE", Task: "T", Kind: tasks.Upgrade, Outcome: outcome,
					Plan: "elm", From: stock.Suspect, To: slot,
				}},
			}
			if latest {
				key := v.Key
				key.Message = outcome.Message(tasks.Upgrade)
				if outcome == tasks.Success {
					key.Status, key.Used, key.UsedDate, key.VerifyAddress = keys.Success, true, now, "street"
				}
				want.Key = &key
			}
			c, err := tasks.Resolve(v, outcome, "id")
			decided(t, v, c, err, want)
		}
	}
}

func TestResolveRefuses(t *testing.T) {
	c, err := tasks.Resolve(tasks.Snapshot{}, tasks.Success, "id")
	refusedWith(t, tasks.Snapshot{}, c, err, tasks.ErrNoTask)
	for _, outcome := range []tasks.Outcome{"", "nonsense", tasks.StillPremium} {
		c, err := tasks.Resolve(suspect(), outcome, "id")
		refusedWith(t, suspect(), c, err, tasks.ErrOutcome)
	}
	for _, slot := range []stock.State{"", stock.Held, stock.Free, stock.Spent} {
		v := suspect()
		v.Task.Slot = slot
		c, err := tasks.Resolve(v, tasks.Success, "id")
		refusedWith(t, v, c, err, tasks.ErrNotSuspect)
	}
}

func TestRelease(t *testing.T) {
	for _, latest := range []bool{true, false} {
		v := suspect()
		v.Task.Slot, v.Task.Outcome, v.Task.InDoubt = stock.Spent, tasks.Success, false
		if !latest {
			v.Key.Task = "later"
		}
		task := *v.Task
		task.Slot = stock.Free
		c, err := tasks.Release(v, "id")
		decided(t, v, c, err, tasks.Change{
			ID: "id", Task: &task,
			Transfer: &stock.Transfer{Plan: "elm", Country: "US", From: stock.Spent, To: stock.Free},
			Events: []tasks.Event{{
				At: now, Type: tasks.EventReleased, Code: "CODE", Task: "T", Kind: tasks.Upgrade, Outcome: tasks.Success,
				Plan: "elm", From: stock.Spent, To: stock.Free,
			}},
		})
	}
	c, err := tasks.Release(tasks.Snapshot{}, "id")
	refusedWith(t, tasks.Snapshot{}, c, err, tasks.ErrNoTask)
	for _, slot := range []stock.State{"", stock.Held, stock.Free, stock.Suspect} {
		v := suspect()
		v.Task.Slot = slot
		c, err := tasks.Release(v, "id")
		refusedWith(t, v, c, err, tasks.ErrNotSpent)
	}
}

func decided(t *testing.T, v tasks.Snapshot, got tasks.Change, err error, want tasks.Change) {
	t.Helper()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v: %v\n got %+v\nwant %+v", v, err, got, want)
	}
}

func refusedWith(t *testing.T, v tasks.Snapshot, c tasks.Change, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || !reflect.ValueOf(c).IsZero() {
		t.Errorf("%+v: %+v, %v; not %v", v, c, err, want)
	}
}
