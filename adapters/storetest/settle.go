package storetest

import (
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

var settleCases = []testCase[fixture]{
	{"Settle/success consumes the slot", func(f fixture) {
		f.openUpgrade("K")
		v := f.lease()
		f.must(f.apply(f.settle(v, tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success, Username: "u"}, false)))
		got := f.snapshot("K")
		f.want("status", got.Key.Status, keys.Success)
		f.want("account", got.Key.Username+","+got.Key.VerifyAddress, "u,p street")
		f.want("used", got.Key.UsedDate.IsZero(), false)
		f.want("sealed", len(got.Task.Sealed), 0)
		f.want("lease", got.Task.LeasedUntil.IsZero(), true)
		f.want("slot", got.Task.Slot, stock.Spent)
		f.want("slots", f.slots("p"), "0/0/1/0")
		f.want("history", f.history("K"), "imported::> accepted:p:free>held ended:p:held>spent")
		last := must(f.History(f.ctx, "K"))[2]
		f.want("event", last, tasks.Event{
			At: last.At, Type: tasks.EventEnded, Code: "K", Task: got.Task.ID, Kind: tasks.Upgrade, Outcome: tasks.Success,
			Plan: "p", From: stock.Held, To: stock.Spent,
		})
	}},
	{"Settle/another outcome releases the slot", func(f fixture) {
		f.prepare(1, "K")
		for i := range 2 {
			f.finish(tasks.Upgrade, "K", tasks.AccountLocked)
			f.want("failed logins", f.snapshot("K").Key.FailedLogins, i+1)
			f.want("message", f.snapshot("K").Key.Message, tasks.AccountLocked.Message(tasks.Upgrade))
			f.want("slots", f.slots("p"), "1/0/0/0")
		}
	}},
	{"Settle/a retry", func(f fixture) {
		f.openUpgrade("K")
		v := f.lease()
		f.must(f.apply(f.settle(v, tasks.ConnectorResult{Effect: tasks.Unknown, Note: "cut"}, false)))
		again := f.lease()
		f.want("fence", again.Task.Fence, v.Task.Fence+1)
		f.want("attempts", again.Task.CountedAttempts, 1)
		f.want("in doubt", again.Task.InDoubt, true)
		f.want("lost leases", again.Task.LostLeases, 0)
		f.want("sealed", string(again.Task.Sealed), string(v.Task.Sealed))
		f.want("first attempt", again.Task.FirstAttempt, v.At)
		f.want("note", must(f.History(f.ctx, "K"))[2].Note, "cut")
	}},
	{"Settle/a faulty plan is replaced by another one", func(f fixture) {
		f.prepare(2, "K", "L")
		f.plan("q", "US", 1)
		f.finish(tasks.Upgrade, "K", tasks.PlanFull)
		v := f.lease()
		f.want("plan", v.Task.Plan, tasks.PlanSnapshot{ID: "q", Address: "q street", Invite: "q-invite"})
		f.want("faulty", v.Task.Faulty, []string{"p"})
		f.want("ordinal", v.Task.Ordinal, 2)
		f.want("slots", f.slots("p")+" "+f.slots("q"), "2/0/0/0 0/1/0/0")
		f.want("another", f.apply(f.decide(tasks.Upgrade, "L", "US", false)), stock.ErrOutOfStock)
		f.want("history", f.history("K"), "imported::> accepted:p:free>held moved:p:held>free claimed:q:free>held")
		f.plan("p", "US", 2) // an edit removes the fault that had put the plan out of stock
		f.must(f.apply(f.decide(tasks.Upgrade, "L", "US", false)))
	}},
	{"Settle/no other plan is left", func(f fixture) {
		f.prepare(2, "K")
		f.accept(tasks.Upgrade, "K", "US")
		v, result := f.lease(), settled(tasks.PlanInvalid)
		f.want("verdict", f.apply(f.settle(v, result, false)), stock.ErrOutOfStock)
		f.want("slots", f.slots("p"), "1/1/0/0")
		f.must(f.apply(f.settle(v, result, true)))
		f.want("message", f.snapshot("K").Key.Message, tasks.PlanInvalid.Message(tasks.Upgrade))
		f.want("slots", f.slots("p"), "2/0/0/0")
	}},
	{"Settle/suspect, then resolved", func(f fixture) {
		f.openUpgrade("K")
		f.rules.Attempts = 1
		f.must(f.apply(f.settle(f.lease(), tasks.ConnectorResult{}, false)))
		f.want("slots", f.slots("p"), "0/0/0/1")
		v := must(f.Task(f.ctx, f.snapshot("K").Key.Task))
		f.must(f.apply(must(tasks.Resolve(v, tasks.Success, id()))))
		f.want("slots", f.slots("p"), "0/0/1/0")
		f.want("status", f.snapshot("K").Key.Status, keys.Success)
	}},
	{"Settle/spent, then released", func(f fixture) {
		f.prepare(1, "K", "L")
		f.finish(tasks.Upgrade, "K", tasks.Success)
		ended := f.snapshot("K").Key.Task
		f.release(ended)
		f.want("slots", f.slots("p"), "1/0/0/0")
		f.want("slot", f.snapshot("K").Task.Slot, stock.Free)
		f.want("status", f.snapshot("K").Key.Status, keys.Success)
		f.want("history", f.history("K"), "imported::> accepted:p:free>held ended:p:held>spent released:p:spent>free")
		v := must(f.Task(f.ctx, ended))
		_, err := tasks.Release(v, id())
		f.want("again", err, tasks.ErrNotSpent)
		v.Task.Slot = stock.Spent // contradicts the plan, which has no spent slot any more
		f.wantError("a plan without a consumed slot", f.apply(must(tasks.Release(v, id()))), stock.ErrSlotState)
		f.accept(tasks.Upgrade, "L", "US")
		f.want("slots", f.slots("p"), "0/1/0/0")
	}},
	{"Settle/a renew holds no slot", func(f fixture) {
		f.must(f.importKeys(keys.Key{Code: "K", Status: keys.Success, Used: true, Username: "u"}))
		f.finish(tasks.Renew, "K", tasks.StillPremium)
		f.want("status", f.snapshot("K").Key.Status, keys.Failed)
		f.finish(tasks.Renew, "K", tasks.Success)
		f.want("status", f.snapshot("K").Key.Status, keys.SuccessRenew)
		f.want("message", f.snapshot("K").Key.Message, "Key Renewed")
		f.want("username", f.snapshot("K").Key.Username, "")
	}},
	{"Settle/a repeated change is applied although its lease was lost", func(f fixture) {
		f.openUpgrade("K")
		c := f.settle(f.lease(), tasks.ConnectorResult{}, false)
		f.must(f.apply(c))
		f.lease()
		f.must(f.apply(c))
		f.want("attempts", f.snapshot("K").Task.CountedAttempts, 1)
		f.want("leased", f.snapshot("K").Task.LeasedUntil.IsZero(), false)
	}},
	{"Settle/an ended task is not settled again", func(f fixture) {
		f.openUpgrade("K")
		v := f.lease()
		f.end(v, tasks.Success)
		f.want("verdict", f.apply(f.settle(v, settled(tasks.WrongAddress), false)), tasks.ErrFenced)
		f.want("slots", f.slots("p"), "0/0/1/0")
		f.want("status", f.snapshot("K").Key.Status, keys.Success)
	}},
}

// release releases the slot of a task, and applies the same change again. Another release of the slot must fail.
func (f fixture) release(task string) {
	f.Helper()
	v := must(f.Task(f.ctx, task))
	c := must(tasks.Release(v, id()))
	f.must(f.apply(c))
	f.must(f.apply(c))
	f.want("another release", f.apply(must(tasks.Release(v, id()))), tasks.ErrFenced)
}
