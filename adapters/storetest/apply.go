package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

var viewCases = []testCase{
	{"View/in the order of the codes, unknown ones too", viewOrder},
	{"View/every field of a key comes back", viewKey},
	{"View/every field of a task comes back", viewTask},
	{"View/of nothing is nothing", viewNothing},
	{"Find/the keys of a View", findKeys},
}

func viewOrder(f fixture) {
	f.issue("A", "a", "B")
	views, err := f.Snapshots(f.ctx, []keys.Code{"B", "none", "a", "A", "B"})
	f.must(err)
	f.want("views", len(views), 5)
	for i, code := range []keys.Code{"B", "", "a", "A", "B"} {
		f.want("code", views[i].Key.Code, code)
		f.want("exists", views[i].Key.Exists(), code != "")
	}
	f.want("task", views[0].Task == nil, true)
}

func viewNothing(f fixture) {
	views, err := f.Snapshots(f.ctx, nil)
	f.must(err)
	f.want("views", len(views), 0)
	found, err := f.Find(f.ctx, nil)
	f.must(err)
	f.want("found", len(found), 0)
	errs, err := f.Apply(f.ctx, nil)
	f.must(err)
	f.want("verdicts", len(errs), 0)
	errs, err = f.Extend(f.ctx, nil, ttl)
	f.must(err)
	f.want("extended", len(errs), 0)
}

func viewKey(f fixture) {
	bought := time.Date(2026, 11, 22, 19, 37, 0, 123456000, time.UTC)
	key := keys.Key{
		Code: "K'\"%$1?", Status: keys.Failed, Used: true, Revoked: true, Message: "why? \\ ünï — 日本",
		Username: "user", VerifyAddress: "Some street 1,\nTown", Invite: "inv", Address: "addr",
		OrderID: "o-1", PurchaseDate: bought, UsedDate: bought.Add(time.Hour),
	}
	f.must(f.bring(key))
	key.Version = 1
	f.want("key", f.view(key.Code).Key, key)
	if age := time.Since(f.view(key.Code).At).Abs(); age > time.Minute {
		f.Fatalf("the view's time is %v off", age)
	}
}

func findKeys(f fixture) {
	f.issue("A", "a", "B")
	f.plan("p", "US", 1)
	f.must(f.apply(f.decide(tasks.Upgrade, "B", "us", false)))
	codes := []keys.Code{"B", "none", "a", "A", "B"}
	views, err := f.Snapshots(f.ctx, codes)
	f.must(err)
	found, err := f.Find(f.ctx, codes)
	f.must(err)
	f.want("found", len(found), len(codes))
	for i, v := range views {
		f.want("key", found[i], v.Key)
	}
	f.want("status", found[0].Status, keys.InQueue)
}

func viewTask(f fixture) {
	f.issue("K")
	f.plan("p", "US", 1)
	c := f.decide(tasks.Upgrade, "K", "us", false)
	f.must(f.apply(c))
	want := *c.Task
	want.Version, want.Plan = 1, tasks.PlanSnapshot{ID: "p", Address: "p street", Invite: "p-invite"}
	want.Sealed = append([]byte(nil), c.Task.Sealed...)
	f.want("task", *f.view("K").Task, want)
	f.want("key's task", f.view("K").Key.Task, want.ID)
	f.want("limit", f.view("K").Key.NextTaskAt, c.Key.NextTaskAt)
}

var applyCases = []testCase{
	{"Apply/claims the oldest live plan", applyOldest},
	{"Apply/an empty claim leaves no trace", applyEmpty},
	{"Apply/an old version is a conflict", applyConflict},
	{"Apply/the same key twice: once made, once a conflict", applyTwice},
	{"Apply/a second open task is a conflict", applySecond},
	{"Apply/a refused change does not disturb its neighbours", applyNeighbours},
	{"Apply/a known change is made once", applyKnown},
	{"Apply/a large batch", applyLarge},
	{"Apply/a move without a slot is refused", applyCount},
	{"Apply/a key alone", applyKey},
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
	f.want("story", f.story("C"), "imported::> accepted:a:free>held")
}

func applyEmpty(f fixture) {
	f.issue("K")
	for _, country := range []string{"US", "DE"} {
		before := f.view("K").Key
		f.want("verdict", f.apply(f.decide(tasks.Upgrade, "K", country, false)), stock.ErrOutOfStock)
		f.want("key", f.view("K").Key, before)
		f.want("story", f.story("K"), "imported::>")
		f.plan("full", "DE", 0)
	}
	f.must(f.apply(f.decide(tasks.Upgrade, "K", "US", true)))
	v := f.view("K")
	f.want("status", v.Key.Status, keys.FailedUpgrade)
	f.want("outcome", v.Task.Outcome, tasks.OutOfStock)
	f.want("sealed", v.Task.Sealed == nil, true)
}

func applyConflict(f fixture) {
	f.issue("K")
	f.plan("p", "US", 2)
	c := f.decide(tasks.Upgrade, "K", "US", false)
	revoke, err := tasks.Revoke(f.view("K"), id())
	f.must(err)
	f.must(f.apply(revoke))
	f.want("verdict", f.apply(c), tasks.ErrConflict)
	f.want("slots", f.slots("p"), "2/0/0/0")
	f.want("story", f.story("K"), "imported::> revoked::>")
	ghost := c
	key := *c.Key
	key.Code, key.Version = "ghost", 1
	ghost.Key = &key
	f.want("ghost", f.apply(ghost), tasks.ErrConflict)
}

func applyTwice(f fixture) {
	f.issue("K")
	f.plan("p", "US", 2)
	one, two := f.decide(tasks.Upgrade, "K", "US", false), f.decide(tasks.Upgrade, "K", "US", false)
	errs, err := f.Apply(f.ctx, []tasks.Change{one, two})
	f.must(err)
	f.want("verdicts", errs, []error{nil, tasks.ErrConflict})
	f.want("task", f.view("K").Task.ID, one.Task.ID)
	f.want("slots", f.slots("p"), "1/1/0/0")
}

func applySecond(f fixture) {
	f.issue("K")
	f.plan("p", "US", 2)
	f.accept(tasks.Upgrade, "K", "US")
	v := f.view("K")
	v.Task = nil // a decision that did not see the open task
	c, err := f.rules.Accept(v, tasks.Request{
		Kind: tasks.Upgrade, Code: "K", Country: "US",
		Account: tasks.Account{Login: tasks.NewSecret("a"), Password: tasks.NewSecret("b")},
	}, id(), false)
	f.must(err)
	c.Task.Sealed = []byte("x")
	f.want("verdict", f.apply(c), tasks.ErrConflict)
	f.want("slots", f.slots("p"), "1/1/0/0")
}

func applyNeighbours(f fixture) {
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
		f.want("status", f.view(code).Key.Status, status)
	}
}

func applyKnown(f fixture) {
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
	f.want("story", f.story("K"), "imported::> accepted:p:free>held")
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

func applyCount(f fixture) {
	f.issue("K")
	f.plan("p", "US", 1)
	f.accept(tasks.Upgrade, "K", "US")
	c := f.settle(f.lease(), tasks.ConnectorResult{Effect: tasks.Settled, Outcome: tasks.Success}, false)
	c.Transfer.From = stock.Suspect
	if err := f.apply(c); !errors.Is(err, stock.ErrSlotState) {
		f.Fatalf("got %v", err)
	}
	f.want("slots", f.slots("p"), "0/1/0/0")
	f.want("status", f.view("K").Key.Status, keys.InQueue)
}

func applyKey(f fixture) {
	f.issue("K")
	c, err := tasks.Revoke(f.view("K"), id())
	f.must(err)
	f.must(f.apply(c))
	f.want("revoked", f.view("K").Key.Revoked, true)
	f.want("version", f.view("K").Key.Version, 2)
	c, err = tasks.Restore(f.view("K"), id())
	f.must(err)
	f.must(f.apply(c))
	f.want("revoked", f.view("K").Key.Revoked, false)
	c, err = tasks.Reset(f.view("K"), id())
	f.must(err)
	f.must(f.apply(c))
	f.want("version", f.view("K").Key.Version, 4)
	f.want("story", f.story("K"), "imported::> revoked::> restored::> reset::>")
}
