package storetest

import (
	"errors"
	"sync/atomic"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

var undecidedCases = []testCase{
	{"Undecided/the store decides with the snapshot of the key", undecidedSnapshot},
	{"Undecided/a refused change leaves no trace", undecidedRefused},
	{"Undecided/a claim without stock leaves no trace", undecidedOutOfStock},
	{"Undecided/a change sees the earlier ones of its call", undecidedInOrder},
	{"Undecided/a repeated change is applied once", undecidedRepeated},
	{"Undecided/of many upgrades of a key, one is applied", undecidedRace},
}

// undecided returns the undecided change for a request. The change has the given id.
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

func undecidedSnapshot(f fixture) {
	f.issue("K", "L")
	f.plan("p", "US", 2)
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
}

func undecidedRefused(f fixture) {
	f.openUpgrade("K")
	f.issue("L")
	before := f.snapshot("K").Key
	errs, err := f.Apply(f.ctx, []tasks.Change{f.undecided("unknown"), f.undecided("K")})
	f.must(err)
	f.want("key", f.snapshot("K").Key, before)
	f.want("verdicts", errs, []error{tasks.UnknownKey, tasks.UpgradeOpen})
	f.want("history", f.history("K"), "imported::> accepted:p:free>held")
	f.want("slots", f.slots("p"), "0/1/0/0")
	f.plan("q", "US", 1)
	errs, err = f.Apply(f.ctx, []tasks.Change{f.undecided("K"), f.undecided("L"), f.undecided("unknown")})
	f.must(err)
	f.want("verdicts", errs, []error{tasks.UpgradeOpen, nil, tasks.UnknownKey})
	f.want("slots", f.slots("q"), "0/1/0/0")
}

func undecidedOutOfStock(f fixture) {
	f.issue("K")
	f.plan("p", "US", 0)
	before := f.snapshot("K").Key
	f.want("verdict", f.apply(f.undecided("K")), stock.ErrOutOfStock)
	f.want("key", f.snapshot("K").Key, before)
	f.want("history", f.history("K"), "imported::>")
}

func undecidedInOrder(f fixture) {
	f.issue("K", "L")
	f.plan("p", "US", 3)
	revoke, err := tasks.Revoke(f.snapshot("L"), id())
	f.must(err)
	errs, err := f.Apply(f.ctx, []tasks.Change{f.undecided("K"), revoke, f.undecided("K"), f.undecided("L")})
	f.must(err)
	f.want("verdicts", errs, []error{nil, nil, tasks.UpgradeOpen, tasks.KeyGone})
	f.want("slots", f.slots("p"), "2/1/0/0")
}

func undecidedRepeated(f fixture) {
	f.issue("K")
	f.plan("p", "US", 3)
	c := f.undecided("K")
	for range 2 {
		f.must(f.apply(c))
	}
	f.end(f.lease(), tasks.WrongAddress)
	f.must(f.apply(c))
	f.want("status", f.snapshot("K").Key.Status, keys.FailedUpgrade)
	f.want("slots", f.slots("p"), "3/0/0/0")
}

func undecidedRace(f fixture) {
	f.issue("K")
	f.plan("p", "US", 50)
	var won atomic.Int64
	runParallel(32, func(int) {
		errs, err := f.Apply(f.ctx, []tasks.Change{f.undecided("K")})
		switch {
		case err != nil:
			f.Error(err)
		case errs[0] == nil:
			won.Add(1)
		case !errors.Is(errs[0], tasks.UpgradeOpen) && !errors.Is(errs[0], tasks.ErrConflict):
			f.Error(errs[0])
		}
	})
	f.want("won", won.Load(), 1)
	f.want("slots", f.slots("p"), "49/1/0/0")
}
