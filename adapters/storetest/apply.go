package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

var applyCases = []testCase[fixture]{
	{"Apply/claims the oldest available plan", func(f fixture) {
		f.issue("A", "B", "C", "D")
		f.plan("expired", "US", 1)
		f.must(f.edit(stock.PlanEdit{ID: "expired", ExpiresAt: new(time.Now().Add(-time.Hour))}))
		f.plan("retired", "US", 1)
		f.must(f.edit(stock.PlanEdit{ID: "retired", Retire: true}))
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
	}},
	{"Apply/a claim without stock leaves no trace", func(f fixture) {
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
	}},
	{"Apply/an old version is a conflict", func(f fixture) {
		f.prepare(2, "K")
		c := f.decide(tasks.Upgrade, "K", "US", false)
		f.update(tasks.Revoke, "K")
		f.want("verdict", f.apply(c), tasks.ErrConflict)
		f.want("slots", f.slots("p"), "2/0/0/0")
		f.want("history", f.history("K"), "imported::> revoked::>")
		for version := range int64(2) {
			ghost, key := c, *c.Key
			key.Code, key.Version = "ghost", version
			ghost.Key = &key
			f.want("ghost", f.apply(ghost), tasks.ErrConflict)
		}
	}},
	{"Apply/of two changes of one key, one is a conflict", func(f fixture) {
		f.prepare(2, "K")
		both := f.upgrades("K", "K")
		f.want("verdicts", must(f.Apply(f.ctx, both)), []error{nil, tasks.ErrConflict})
		f.want("task", f.snapshot("K").Task.ID, both[0].Task.ID)
		f.want("slots", f.slots("p"), "1/1/0/0")
	}},
	{"Apply/a second open task is a conflict", func(f fixture) {
		f.prepare(2, "K")
		f.accept(tasks.Upgrade, "K", "US")
		v := f.snapshot("K")
		v.Task = nil // hides the open task from Accept
		c := must(f.rules.Accept(v, newRequest(tasks.Upgrade, "K", "US"), id(), false))
		seal(&c)
		f.want("verdict", f.apply(c), tasks.ErrConflict)
		f.want("slots", f.slots("p"), "1/1/0/0")
	}},
	{"Apply/a new task with the id of an ended one is a conflict", func(f fixture) {
		f.prepare(1, "K")
		ended := f.accept(tasks.Upgrade, "K", "US")
		f.end(f.lease(), tasks.WrongAddress)
		c := must(f.rules.Accept(f.snapshot("K"), newRequest(tasks.Upgrade, "K", "US"), ended.ID, false))
		c.ID = id() // because Apply ignores a change with a known id, and Accept has used the id of the ended task
		seal(&c)
		f.want("verdict", f.apply(c), tasks.ErrConflict)
		f.want("outcome", f.snapshot("K").Task.Outcome, tasks.WrongAddress)
		f.want("slots", f.slots("p"), "1/0/0/0")
	}},
	{"Apply/a rejected change does not affect the others", func(f fixture) {
		f.prepare(2, "A", "B", "C", "D", "E")
		f.plan("q", "DE", 0)
		changes := []tasks.Change{
			f.decide(tasks.Upgrade, "A", "DE", false),
			f.decide(tasks.Upgrade, "E", "US", false),
			f.decide(tasks.Upgrade, "C", "US", false),
			f.decide(tasks.Upgrade, "B", "US", false),
			f.decide(tasks.Upgrade, "D", "FR", true),
		}
		changes[1].Key.Version = 7
		f.want("verdicts", must(f.Apply(f.ctx, changes)), []error{stock.ErrOutOfStock, tasks.ErrConflict, nil, nil, nil})
		f.want("slots", f.slots("p"), "0/2/0/0")
		for code, status := range map[keys.Code]keys.Status{
			"A": keys.Active, "E": keys.Active, "B": keys.InQueue, "C": keys.InQueue, "D": keys.FailedUpgrade,
		} {
			f.want("status", f.snapshot(code).Key.Status, status)
		}
	}},
	{"Apply/a repeated change is applied once", func(f fixture) {
		f.prepare(3, "K", "L")
		c := f.decide(tasks.Upgrade, "K", "US", false)
		for range 3 {
			f.must(f.apply(c))
		}
		errs := must(f.Apply(f.ctx, []tasks.Change{c, f.decide(tasks.Upgrade, "L", "US", false)}))
		f.want("verdicts", errs, []error{nil, nil})
		f.want("slots", f.slots("p"), "1/2/0/0")
		f.want("history", f.history("K"), "imported::> accepted:p:free>held")
	}},
	{"Apply/a large batch", func(f fixture) {
		codes := numbered("K", 600)
		f.issue(codes...)
		for i := range 3 {
			f.plan(fmt.Sprintf("p%d", i), "US", 150)
		}
		for i, err := range must(f.Apply(f.ctx, f.upgrades(codes...))) {
			if want := i >= 450; errors.Is(err, stock.ErrOutOfStock) != want || (err != nil) != want {
				f.Fatalf("change %d: %v", i, err)
			}
		}
		f.want("slots", f.slots("p2"), "0/150/0/0")
	}},
	{"Apply/a transfer of a slot that the plan lacks is rejected", func(f fixture) {
		f.openUpgrade("K")
		c := f.settle(f.lease(), settled(tasks.Success), false)
		c.Transfer.From = stock.Suspect
		f.wantError("verdict", f.apply(c), stock.ErrSlotState)
		f.want("slots", f.slots("p"), "0/1/0/0")
		f.want("status", f.snapshot("K").Key.Status, keys.InQueue)
	}},
	{"Apply/a change of a key only", func(f fixture) {
		key := keys.Key{
			Code: "K", Status: keys.Active, Used: true, Message: "why", Username: "user", VerifyAddress: "street", Invite: "invite",
			Address: "address", OrderID: "o-1", PurchaseDate: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), UsedDate: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC),
		}
		f.must(f.importKeys(key))
		f.update(tasks.Revoke, "K")
		key.Version, key.Revoked = 2, true
		f.want("revoked", f.snapshot("K").Key, key)
		f.update(tasks.Restore, "K")
		key.Version, key.Revoked = 3, false
		f.want("restored", f.snapshot("K").Key, key)
		f.update(tasks.Reset, "K")
		f.want("version", f.snapshot("K").Key.Version, 4)
		f.want("history", f.history("K"), "imported::> revoked::> restored::> reset::>")
	}},
}

var undecidedCases = []testCase[fixture]{
	{"Undecided/the store decides with the snapshot of the key", func(f fixture) {
		f.prepare(2, "K", "L")
		f.finish(tasks.Upgrade, "L", tasks.WrongAddress)
		for _, code := range []keys.Code{"K", "L"} {
			c, before := f.undecided(code), f.snapshot(code)
			accept := c.Decide
			var seen tasks.Snapshot
			c.Decide = func(v tasks.Snapshot) (tasks.Change, error) {
				seen = v
				return accept(v)
			}
			f.must(f.apply(c))
			f.want("key", seen.Key, before.Key)
			f.want("task", seen.Task, before.Task)
			f.want("the snapshot is older than the call", seen.At.Before(before.At), false)
			after := f.snapshot(code)
			f.want("status", after.Key.Status, keys.InQueue)
			f.want("task", after.Task.ID, c.ID)
			f.want("sealed", after.Task.Sealed != nil, true)
		}
		f.want("slots", f.slots("p"), "0/2/0/0")
	}},
	{"Undecided/a refused change leaves no trace", func(f fixture) {
		f.openUpgrade("K")
		f.issue("L")
		before := f.snapshot("K").Key
		errs := must(f.Apply(f.ctx, []tasks.Change{f.undecided("unknown"), f.undecided("K")}))
		f.want("key", f.snapshot("K").Key, before)
		f.want("verdicts", errs, []error{tasks.UnknownKey, tasks.UpgradeOpen})
		f.want("history", f.history("K"), "imported::> accepted:p:free>held")
		f.want("slots", f.slots("p"), "0/1/0/0")
		f.plan("q", "US", 1)
		errs = must(f.Apply(f.ctx, []tasks.Change{f.undecided("K"), f.undecided("L"), f.undecided("unknown")}))
		f.want("verdicts", errs, []error{tasks.UpgradeOpen, nil, tasks.UnknownKey})
		f.want("slots", f.slots("q"), "0/1/0/0")
	}},
	{"Undecided/a claim without stock leaves no trace", func(f fixture) {
		f.prepare(0, "K")
		before := f.snapshot("K").Key
		f.want("verdict", f.apply(f.undecided("K")), stock.ErrOutOfStock)
		f.want("key", f.snapshot("K").Key, before)
		f.want("history", f.history("K"), "imported::>")
	}},
	{"Undecided/a change sees the earlier ones of its call", func(f fixture) {
		f.prepare(3, "K", "L")
		revoke := must(tasks.Revoke(f.snapshot("L"), id()))
		all := []tasks.Change{f.undecided("K"), revoke, f.undecided("K"), f.undecided("L")}
		f.want("verdicts", must(f.Apply(f.ctx, all)), []error{nil, nil, tasks.UpgradeOpen, tasks.KeyGone})
		f.want("slots", f.slots("p"), "2/1/0/0")
	}},
	{"Undecided/a repeated change is applied once", func(f fixture) {
		f.prepare(3, "K")
		c := f.undecided("K")
		for range 2 {
			f.must(f.apply(c))
		}
		f.end(f.lease(), tasks.WrongAddress)
		f.must(f.apply(c))
		f.want("status", f.snapshot("K").Key.Status, keys.FailedUpgrade)
		f.want("slots", f.slots("p"), "3/0/0/0")
	}},
	{"Undecided/of many upgrades of a key, one is applied", func(f fixture) {
		f.prepare(50, "K")
		apply := func(int) ([]error, error) { return f.Apply(f.ctx, []tasks.Change{f.undecided("K")}) }
		f.want("won", f.race(32, apply, tasks.UpgradeOpen, tasks.ErrConflict), 1)
		f.want("slots", f.slots("p"), "49/1/0/0")
	}},
}

// undecided returns a change with a Decide function, which decides on the request when a store applies the change. The
// change and its task have the given id.
func undecided(rules tasks.Rules, kind tasks.Kind, code keys.Code, country, id string) tasks.Change {
	c := tasks.Change{ID: id, Task: &tasks.Task{ID: id, Code: code, Kind: kind}}
	if kind == tasks.Upgrade {
		c.Claim = &stock.Claim{Country: stock.Country(country)}
	}
	c.Decide = func(v tasks.Snapshot) (tasks.Change, error) {
		c, err := rules.Accept(v, newRequest(kind, code, country), id, false)
		if err == nil {
			seal(&c)
		}
		return c, err
	}
	return c
}

func (f fixture) undecided(code keys.Code) tasks.Change {
	return undecided(f.rules, tasks.Upgrade, code, "US", id())
}
