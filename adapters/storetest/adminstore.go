package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

var adminCases = []testCase[fixture]{
	{"ImportKeys/all or none", func(f fixture) {
		f.issue("A")
		for _, codes := range [][]keys.Code{{"B", "C", "A"}, {"D", "E", "D"}} {
			f.wantThirdRow(f.importKeys(unused(codes...)...), adminstore.ErrExists)
		}
		failed := adminstore.ImportBatch{ID: id(), Type: tasks.EventImported}
		err := f.ImportKeys(f.ctx, failed, func(yield func(keys.Key, error) bool) {
			_ = yield(unused("F")[0], nil) && yield(keys.Key{}, errSource)
		})
		f.wantError("error of the sequence", err, errSource)
		for _, code := range []keys.Code{"B", "C", "D", "E", "F"} {
			f.want("stored", f.snapshot(code).Key.Exists(), false)
		}
		f.issue("B")
		f.must(f.importKeys())
		f.must(f.batch(failed, unused("F")...)) // no ErrBatch, because the failed import has stored no key of this batch
	}},
	{"ImportKeys/a batch is imported once", func(f fixture) {
		b := adminstore.ImportBatch{ID: id(), Type: tasks.EventIssued, Note: "order 7"}
		all := []keys.Key{{Code: "b", Status: keys.Active, OrderID: "o"}, {Code: "B", Status: keys.Success, Used: true}, {Code: "a", Status: keys.Active}}
		f.must(f.batch(b, all...))
		f.issue("A")
		f.want("again", f.batch(b, all...), adminstore.ErrBatch)
		f.want("with another key", f.batch(b, unused("C")...), adminstore.ErrBatch)
		f.want("with an error", f.ImportKeys(f.ctx, b, func(yield func(keys.Key, error) bool) { yield(keys.Key{}, errSource) }), adminstore.ErrBatch)
		f.want("the other key", f.snapshot("C").Key.Exists(), false)
		f.want("the batch", must(f.Batch(f.ctx, b.ID)), []keys.Key{f.snapshot("B").Key, f.snapshot("a").Key, f.snapshot("b").Key})
		f.want("no batch", len(must(f.Batch(f.ctx, id()))), 0)
	}},
	{"ImportKeys/each key has a history entry", func(f fixture) {
		b := adminstore.ImportBatch{ID: id(), Type: tasks.EventIssued, Note: "order 7"}
		before := f.snapshot("K").At
		f.must(f.batch(b, unused("K", "L")...))
		events := must(f.History(f.ctx, "K"))
		f.want("events", len(events), 1)
		f.want("its time is wrong", events[0].At.Before(before) || events[0].At.After(f.snapshot("K").At), false)
		f.want("event", events[0], b.Event(events[0].At, "K"))
		f.want("the same batch again", f.batch(b, unused("M")...), adminstore.ErrBatch)
		f.want("history of a key that was not imported", f.history("M"), "")
		f.plan("p", "US", 1)
		f.accept(tasks.Upgrade, "K", "US")
		f.want("history", f.history("K"), "issued::> accepted:p:free>held")
	}},
	// ImportKeys ignores the fields of a key that only the store sets, such as Version and Task.
	{"ImportKeys/the store sets its own fields", func(f fixture) {
		f.must(f.importKeys(keys.Key{Code: "K", Status: keys.Active, Version: 7, Task: "none", NextTaskAt: time.Now().Add(ttl), FailedLogins: 3}))
		f.want("key", f.snapshot("K").Key, keys.Key{Code: "K", Status: keys.Active, Version: 1})
		f.plan("p", "US", 1)
		f.accept(tasks.Upgrade, "K", "US")
	}},
	{"EditPlans/all or none", func(f fixture) {
		edits := []stock.PlanEdit{stock.NewPlanEdit("a", "US", 2), stock.NewPlanEdit("b", "US", 2), {ID: "c", Retire: true}}
		f.wantThirdRow(f.edit(edits...), stock.ErrPlan)
		f.want("plans", len(must(f.Plans(f.ctx, 0, 10))), 0)
		edits[2].ID = "a"
		f.must(f.edit(edits...))
		plans := must(f.Plans(f.ctx, 0, 10))
		f.want("plans", fmt.Sprintln(plans[0].ID, plans[0].Retired, plans[1].ID, len(plans)), "a true b 2\n")
	}},
	{"EditPlans/omitted fields keep their values", func(f fixture) {
		f.prepare(3, "K")
		f.plan("q", "US", 3)
		expires := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
		f.must(f.edit(stock.PlanEdit{ID: "p", ExpiresAt: &expires}))
		f.accept(tasks.Upgrade, "K", "US")
		if f.edit(stock.PlanEdit{ID: "p", Size: new(0)}) == nil {
			f.Fatal("a plan became smaller than its held slots")
		}
		f.must(f.edit(stock.PlanEdit{ID: "p", Size: new(1)}))
		plans := must(f.Plans(f.ctx, 0, 10))
		f.want("order", plans[1].ID, "q")
		plans[0].Seq = 0
		f.want("plan", plans[0], stock.Plan{
			ID: "p", Country: "US", Address: "p street", Invite: "p-invite", Size: 1, Held: 1, ExpiresAt: expires,
		})
		f.end(f.lease(), tasks.Success)
		f.want("slots", f.slots("p"), "0/0/1/0")
	}},
	{"Stock/by country", func(f fixture) {
		f.issue("A", "B", "C")
		f.plan("u1", "US", 3)
		f.plan("d1", "DE", 5)
		f.plan("u2", "US", 10)
		f.must(f.edit(stock.PlanEdit{ID: "u2", Retire: true}))
		f.plan("f", "FR", 0)
		f.finish(tasks.Upgrade, "A", tasks.Success)
		f.accept(tasks.Upgrade, "B", "US")
		f.accept(tasks.Upgrade, "C", "DE")
		f.want("levels", must(f.Stock(f.ctx)), []stock.Level{
			{Country: "DE", Size: 5, Free: 4, Held: 1},
			{Country: "FR"},
			{Country: "US", Size: 13, Free: 1, Held: 1, Spent: 1, Idle: 10},
		})
	}},
	{"Plans/pages", func(f fixture) {
		for _, id := range []string{"c", "a", "b"} {
			f.plan(id, "US", 1)
		}
		page := must(f.Plans(f.ctx, 0, 2))
		rest := must(f.Plans(f.ctx, page[1].Seq, 2))
		f.want("plans", page[0].ID+page[1].ID+rest[0].ID, "cab")
		f.want("rest", len(rest), 1)
	}},
	{"PlansByID/in the order of import", func(f fixture) {
		for _, id := range []string{"c", "a", "b"} {
			f.plan(id, "US", 1)
		}
		all := must(f.Plans(f.ctx, 0, 3))
		for _, c := range []struct{ ids, want []string }{
			{nil, nil},
			{[]string{"A", "", "a\x00", "\xff"}, nil},
			{[]string{"b", "none", "c", "b"}, []string{"c", "b"}},
		} {
			found := must(f.PlansByID(f.ctx, c.ids))
			want := slices.DeleteFunc(slices.Clone(all), func(p stock.Plan) bool { return !slices.Contains(c.want, p.ID) })
			f.want(fmt.Sprintf("plans %q", c.ids), append([]stock.Plan{}, found...), append([]stock.Plan{}, want...))
		}
	}},
}

// wantThirdRow checks that err is a [adminstore.RowError] about the third row, and wraps target.
func (f fixture) wantThirdRow(err, target error) {
	f.Helper()
	row, _ := errors.AsType[adminstore.RowError](err)
	f.want("row", row.Row, 3)
	f.wantError("error of the row", err, target)
}

var errSource = errors.New("an error in the file")
