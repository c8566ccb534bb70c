package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

var applyCases = []testCase{
	{"Apply/claims the oldest available plan", applyOldest},
	{"Apply/a claim without stock leaves no trace", applyOutOfStock},
	{"Apply/an old version is a conflict", applyConflict},
	{"Apply/of two changes of one key, one is a conflict", applySameKey},
	{"Apply/a second open task is a conflict", applySecondTask},
	{"Apply/a new task with the id of an ended one is a conflict", applyKnownTask},
	{"Apply/a rejected change does not affect the others", applyRejected},
	{"Apply/a repeated change is applied once", applyRepeated},
	{"Apply/a large batch", applyLarge},
	{"Apply/a transfer of a slot that the plan lacks is rejected", applySlotState},
	{"Apply/a change of a key only", applyKey},
}

func applyOldest(f fixture) {
	f.issue("A", "B", "C", "D")
	f.plan("expired", "US", 1)
	past := time.Now().Add(-time.Hour)
	f.must(f.EditPlans(f.ctx, []stock.PlanEdit{{ID: "expired", ExpiresAt: &past}}))
	f.plan("retired", "US", 1)
	f.must(f.EditPlans(f.ctx, []stock.PlanEdit{{ID: "retired", Retire: true}}))
	f.plan("z", "US", 2)
	f.plan("other", "DE", 9)
	f.plan("a", "US", 1)
	for code, plan := range map[keys.Code]string{"A": "z", "B": "z"} {
		f.want("plan", f.accept(tasks.Upgrade, code, "US").Plan.ID, plan)
	}
	f.want("plan", f.accept(tasks.Upgrade, "C", "US").Plan.ID, "a")
	f.want("verdict", f.apply(f.decide(tasks.Upgrade, "D", "US", false)), stock.ErrOutOfStock)
	f.want("other", f.slots("other"), "9/0/0/0")
	f.want("history", f.history("C"), "imported::> accepted:a:free>held")
}

func applyOutOfStock(f fixture) {
	f.issue("K")
	for _, country := range []string{"US", "DE"} {
		before := f.snapshot("K").Key
		f.want("verdict", f.apply(f.decide(tasks.Upgrade, "K", country, false)), stock.ErrOutOfStock)
		f.want("key", f.snapshot("K").Key, before)
		f.want("history", f.history("K"), "imported::>")
		f.plan("full", "DE", 0)
	}
	f.must(f.apply(f.decide(tasks.Upgrade, "K", "US", true)))
	v := f.snapshot("K")
	f.want("status", v.Key.Status, keys.FailedUpgrade)
	f.want("outcome", v.Task.Outcome, tasks.OutOfStock)
	f.want("sealed", v.Task.Sealed == nil, true)
}

func applyConflict(f fixture) {
	f.issue("K")
	f.plan("p", "US", 2)
	c := f.decide(tasks.Upgrade, "K", "US", false)
	revoke, err := tasks.Revoke(f.snapshot("K"), id())
	f.must(err)
	f.must(f.apply(revoke))
	f.want("verdict", f.apply(c), tasks.ErrConflict)
	f.want("slots", f.slots("p"), "2/0/0/0")
	f.want("history", f.history("K"), "imported::> revoked::>")
	for version := range int64(2) {
		ghost, key := c, *c.Key
		key.Code, key.Version = "ghost", version
		ghost.Key = &key
		f.want("ghost", f.apply(ghost), tasks.ErrConflict)
	}
}

func applySameKey(f fixture) {
	f.issue("K")
	f.plan("p", "US", 2)
	one, two := f.decide(tasks.Upgrade, "K", "US", false), f.decide(tasks.Upgrade, "K", "US", false)
	errs, err := f.Apply(f.ctx, []tasks.Change{one, two})
	f.must(err)
	f.want("verdicts", errs, []error{nil, tasks.ErrConflict})
	f.want("task", f.snapshot("K").Task.ID, one.Task.ID)
	f.want("slots", f.slots("p"), "1/1/0/0")
}

func applySecondTask(f fixture) {
	f.issue("K")
	f.plan("p", "US", 2)
	f.accept(tasks.Upgrade, "K", "US")
	v := f.snapshot("K")
	v.Task = nil // a decision that did not see the open task
	c, err := f.rules.Accept(v, newRequest(tasks.Upgrade, "K", "US"), id(), false)
	f.must(err)
	seal(&c)
	f.want("verdict", f.apply(c), tasks.ErrConflict)
	f.want("slots", f.slots("p"), "1/1/0/0")
}

func applyKnownTask(f fixture) {
	f.issue("K")
	f.plan("p", "US", 1)
	ended := f.accept(tasks.Upgrade, "K", "US")
	f.end(f.lease(), tasks.WrongAddress)
	c, err := f.rules.Accept(f.snapshot("K"), newRequest(tasks.Upgrade, "K", "US"), ended.ID, false)
	f.must(err)
	c.ID = id() // otherwise it would be a repeated change
	seal(&c)
	f.want("verdict", f.apply(c), tasks.ErrConflict)
	f.want("outcome", f.snapshot("K").Task.Outcome, tasks.WrongAddress)
	f.want("slots", f.slots("p"), "1/0/0/0")
}

func applyRejected(f fixture) {
	f.issue("A", "B", "C", "D", "E")
	f.plan("p", "US", 2)
	f.plan("q", "DE", 0)
	changes := []tasks.Change{
		f.decide(tasks.Upgrade, "A", "DE", false),
		f.decide(tasks.Upgrade, "E", "US", false),
		f.decide(tasks.Upgrade, "C", "US", false),
		f.decide(tasks.Upgrade, "B", "US", false),
		f.decide(tasks.Upgrade, "D", "FR", true),
	}
	changes[1].Key.Version = 7
	errs, err := f.Apply(f.ctx, changes)
	f.must(err)
	f.want("verdicts", errs, []error{stock.ErrOutOfStock, tasks.ErrConflict, nil, nil, nil})
	f.want("slots", f.slots("p"), "0/2/0/0")
	for code, status := range map[keys.Code]keys.Status{
		"A": keys.Active, "E": keys.Active, "B": keys.InQueue, "C": keys.InQueue, "D": keys.FailedUpgrade,
	} {
		f.want("status", f.snapshot(code).Key.Status, status)
	}
}

func applyRepeated(f fixture) {
	f.issue("K", "L")
	f.plan("p", "US", 3)
	c := f.decide(tasks.Upgrade, "K", "US", false)
	for range 3 {
		f.must(f.apply(c))
	}
	errs, err := f.Apply(f.ctx, []tasks.Change{c, f.decide(tasks.Upgrade, "L", "US", false)})
	f.must(err)
	f.want("verdicts", errs, []error{nil, nil})
	f.want("slots", f.slots("p"), "1/2/0/0")
	f.want("history", f.history("K"), "imported::> accepted:p:free>held")
}

func applyLarge(f fixture) {
	const n = 600
	codes := make([]keys.Code, n)
	for i := range codes {
		codes[i] = keys.Code(fmt.Sprintf("K%04d", i))
	}
	f.issue(codes...)
	for i := range 3 {
		f.plan(fmt.Sprintf("p%d", i), "US", 150)
	}
	changes := make([]tasks.Change, n)
	for i, code := range codes {
		changes[i] = f.decide(tasks.Upgrade, code, "US", false)
	}
	errs, err := f.Apply(f.ctx, changes)
	f.must(err)
	for i, err := range errs {
		if want := i >= 450; errors.Is(err, stock.ErrOutOfStock) != want || (err != nil) != want {
			f.Fatalf("change %d: %v", i, err)
		}
	}
	f.want("slots", f.slots("p2"), "0/150/0/0")
}

func applySlotState(f fixture) {
	f.openUpgrade("K")
	c := f.settle(f.lease(), tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success}, false)
	c.Transfer.From = stock.Suspect
	if err := f.apply(c); !errors.Is(err, stock.ErrSlotState) {
		f.Fatalf("got %v", err)
	}
	f.want("slots", f.slots("p"), "0/1/0/0")
	f.want("status", f.snapshot("K").Key.Status, keys.InQueue)
}

func applyKey(f fixture) {
	f.issue("K")
	c, err := tasks.Revoke(f.snapshot("K"), id())
	f.must(err)
	f.must(f.apply(c))
	f.want("revoked", f.snapshot("K").Key.Revoked, true)
	f.want("version", f.snapshot("K").Key.Version, 2)
	c, err = tasks.Restore(f.snapshot("K"), id())
	f.must(err)
	f.must(f.apply(c))
	f.want("revoked", f.snapshot("K").Key.Revoked, false)
	c, err = tasks.Reset(f.snapshot("K"), id())
	f.must(err)
	f.must(f.apply(c))
	f.want("version", f.snapshot("K").Key.Version, 4)
	f.want("history", f.history("K"), "imported::> revoked::> restored::> reset::>")
}
