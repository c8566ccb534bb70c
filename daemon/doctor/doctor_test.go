package doctor_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/doctor"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/archive"
	"github.com/keyseat/keyseat/tasks/audit"
)

// plain is a sealer that does not encrypt.
type plain struct{}

func (plain) Seal(text, _ []byte) ([]byte, error)   { return text, nil }
func (plain) Open(sealed, _ []byte) ([]byte, error) { return sealed, nil }

// A fixture is a store in memory, its engine and its doctor.
type fixture struct {
	*testing.T
	store  *memory.Store
	engine tasks.Engine
	doc    doctor.Doctor
}

// newFixture creates a fixture with n keys K0000, K0001, … and a plan of n slots.
func newFixture(t *testing.T, n int) fixture {
	store := memory.New(time.Now)
	engine := daemon.NewEngine(store, simulator.Connector{}, plain{}, tasks.DefaultRules())
	fx := fixture{t, store, engine, doctor.Doctor{Store: store, Sealer: plain{}, Stale: time.Minute, NewID: engine.NewID}}
	country := stock.Country("US")
	fx.must(store.EditPlans(t.Context(), []stock.PlanEdit{{ID: "p", Country: &country, Size: &n}}))
	fx.must(store.ImportKeys(t.Context(), adminstore.ImportBatch{ID: "b", Type: tasks.EventImported}, func(yield func(keys.Key, error) bool) {
		for i := range n {
			if !yield(keys.Key{Code: code(i), Status: keys.Active}, nil) {
				return
			}
		}
	}))
	return fx
}

func code(i int) keys.Code { return keys.Code(fmt.Sprintf("K%04d", i)) }

func (fx fixture) must(err error) {
	fx.Helper()
	if err != nil {
		fx.Fatal(err)
	}
}

// accept opens an upgrade for a key. Its login determines its outcome.
func (fx fixture) accept(c keys.Code, login string) {
	fx.Helper()
	fx.must(fx.engine.Accept(fx.Context(), tasks.Request{
		Kind: tasks.Upgrade, Code: c, Country: "US",
		Account: tasks.Account{Login: tasks.NewSecret(login), Password: tasks.NewSecret("a")},
	}))
}

// work does all due work.
func (fx fixture) work() {
	fx.Helper()
	jobs, err := fx.engine.Lease(fx.Context(), "w", 1000, time.Minute)
	fx.must(err)
	for _, job := range jobs {
		fx.must(fx.engine.Work(fx.Context(), fx.Context(), job).Err)
	}
}

// corrupt makes a change that no decision would make.
func (fx fixture) corrupt(c keys.Code, how func(v tasks.Snapshot, change *tasks.Change)) {
	fx.Helper()
	v, err := fx.engine.Snapshot(fx.Context(), c)
	fx.must(err)
	change := tasks.Change{ID: fx.engine.NewID(), Key: &v.Key}
	how(v, &change)
	errs, err := fx.store.Apply(fx.Context(), []tasks.Change{change})
	fx.must(err)
	fx.must(errs[0])
}

// finds checks that exactly those codes are found, in that order.
func (fx fixture) finds(found iter.Seq2[doctor.Finding, error], want ...doctor.Code) {
	fx.Helper()
	var got []doctor.Code
	for f, err := range found {
		fx.must(err)
		got = append(got, f.Code)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		fx.Errorf("found %v, not %v", got, want)
	}
}

// TestHealthyStore has more keys than a page, and work of every kind.
func TestHealthyStore(t *testing.T) {
	fx := newFixture(t, 1203)
	for i, login := range []string{"success", "wrong_address", "plan_full", "success", "account_locked"} {
		fx.accept(code(i*300), login+"@example.com")
		fx.finds(fx.doc.Examine(t.Context()))
		fx.work()
		fx.finds(fx.doc.Examine(t.Context()))
	}
	fx.finds(fx.doc.Repair(t.Context()))
}

// TestPages checks that a record is found once, on whatever page it is.
func TestPages(t *testing.T) {
	fx := newFixture(t, 1203)
	var want []doctor.Code
	for _, i := range []int{0, 499, 500, 999, 1000, 1202} {
		fx.corrupt(code(i), func(_ tasks.Snapshot, c *tasks.Change) { c.Key.Status = keys.InQueue })
		want = append(want, doctor.QueueEmpty)
	}
	fx.finds(fx.doc.Examine(t.Context()), want...)
	fx.finds(fx.doc.Repair(t.Context()), want...)
	fx.finds(fx.doc.Examine(t.Context()))
}

// TestActiveAfterATask checks that an active key is found if its latest task left another status. The key
// would otherwise be usable a second time. A reset makes a key active rightly.
func TestActiveAfterATask(t *testing.T) {
	fx := newFixture(t, 2)
	for i := range 2 {
		fx.accept(code(i), "success@example.com")
	}
	fx.work()
	fx.must(fx.engine.Update(t.Context(), func(ctx context.Context) (tasks.Snapshot, error) { return fx.engine.Snapshot(ctx, code(0)) }, tasks.Reset))
	fx.finds(fx.doc.Examine(t.Context()))
	fx.corrupt(code(1), func(_ tasks.Snapshot, c *tasks.Change) { c.Key.Status, c.Key.Used = keys.Active, false })
	fx.finds(fx.doc.Repair(t.Context()), doctor.StatusUsed)
	fx.finds(fx.doc.Examine(t.Context()))
	if v, err := fx.engine.Snapshot(t.Context(), code(1)); err != nil || v.Key.Status != keys.Success || !v.Key.Used {
		t.Errorf("%+v, %v", v.Key, err)
	}
}

// TestCountersFollowMoves checks that counters follow the recorded moves, and that the correction is recorded.
func TestCountersFollowMoves(t *testing.T) {
	fx := newFixture(t, 5)
	fx.accept(code(0), "success@example.com")
	fx.corrupt(code(1), func(_ tasks.Snapshot, c *tasks.Change) {
		c.Transfer = &stock.Transfer{Plan: "p", Country: "US", From: stock.Free, To: stock.Spent}
	})
	fx.finds(fx.doc.Examine(t.Context()), doctor.PlanMoves)
	fx.finds(fx.doc.Repair(t.Context()), doctor.PlanMoves)
	fx.finds(fx.doc.Examine(t.Context()))
	history, err := fx.store.History(t.Context(), "")
	if err != nil || len(history) != 1 || history[0].Plan != "p" || history[0].Type != tasks.EventRepaired || history[0].To != "" {
		t.Errorf("history: %+v, %v", history, err)
	}
	fx.work()
	fx.finds(fx.doc.Examine(t.Context()))
}

// TestTwoSourcesCorrectTheThird checks that two agreeing sources of a slot correct the third.
func TestTwoSourcesCorrectTheThird(t *testing.T) {
	for name, c := range map[string]struct {
		corrupt func(v tasks.Snapshot, c *tasks.Change)
		want    stock.SlotCounts
	}{
		"task": {func(v tasks.Snapshot, c *tasks.Change) {
			c.Task = v.Task
			c.Task.Slot = stock.Suspect
		}, stock.SlotCounts{Spent: 1}},
		"history": {func(v tasks.Snapshot, c *tasks.Change) {
			c.Events = []tasks.Event{{Code: v.Key.Code, Task: v.Task.ID, Plan: "p", From: stock.Spent, To: stock.Free}}
		}, stock.SlotCounts{Spent: 1}},
		"counters": {func(_ tasks.Snapshot, c *tasks.Change) {
			c.Transfer = &stock.Transfer{Plan: "p", Country: "US", From: stock.Spent, To: stock.Suspect}
		}, stock.SlotCounts{Spent: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			fx := newFixture(t, 5)
			fx.accept(code(0), "success@example.com")
			fx.work()
			fx.corrupt(code(0), c.corrupt)
			for _, err := range fx.doc.Repair(t.Context()) {
				fx.must(err)
			}
			fx.finds(fx.doc.Examine(t.Context()))
			all, err := fx.store.Plans(t.Context(), 0, 1)
			fx.must(err)
			v, err := fx.engine.Snapshot(t.Context(), code(0))
			fx.must(err)
			if got := all[0].Counts(); got != c.want || v.Task.Slot != stock.Spent {
				t.Errorf("%v, the task %s", got, v.Task.Slot)
			}
		})
	}
}

// TestLeasedTasksAreNotRepaired checks that a leased task is not changed.
func TestLeasedTasksAreNotRepaired(t *testing.T) {
	fx := newFixture(t, 5)
	fx.accept(code(0), "success@example.com")
	fx.corrupt(code(0), func(v tasks.Snapshot, c *tasks.Change) { c.Task = v.Task; c.Task.Sealed = nil })
	if _, err := fx.engine.Lease(t.Context(), "w", 1, time.Hour); err != nil {
		t.Fatal(err)
	}
	fx.finds(fx.doc.Repair(t.Context()), doctor.SecretMissing)
	fx.finds(fx.doc.Examine(t.Context()), doctor.SecretMissing)
}

// TestCountersWaitForSlotRepairs checks that counters are not corrected from a history that still needs a repair.
func TestCountersWaitForSlotRepairs(t *testing.T) {
	fx := newFixture(t, 5)
	fx.accept(code(0), "success@example.com")
	fx.corrupt(code(0), func(v tasks.Snapshot, c *tasks.Change) {
		c.Events = []tasks.Event{{Code: v.Key.Code, Task: v.Task.ID, Plan: "p", From: stock.Held, To: stock.Free}}
	})
	if _, err := fx.engine.Lease(t.Context(), "w", 1, time.Hour); err != nil {
		t.Fatal(err)
	}
	fx.finds(fx.doc.Repair(t.Context()), doctor.SlotHistory, doctor.PlanMoves, doctor.PlanTasks)
	if all, err := fx.store.Plans(t.Context(), 0, 1); err != nil || all[0].Held != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}

// failingRecord is a store that cannot read a single record.
type failingRecord struct{ *memory.Store }

func (failingRecord) Record(context.Context, keys.Code) (audit.Record, error) {
	return audit.Record{}, errors.New("the database is away")
}

// TestRepairBeforeAnErrorIsReported checks that a repair is reported if the doctor cannot continue after it.
func TestRepairBeforeAnErrorIsReported(t *testing.T) {
	fx := newFixture(t, 1)
	fx.corrupt(code(0), func(_ tasks.Snapshot, c *tasks.Change) { c.Key.Status = keys.InQueue })
	fx.doc.Store = failingRecord{fx.store}
	var done []string
	var failed error
	for f, err := range fx.doc.Repair(t.Context()) {
		done, failed = append(done, f.Done), err
	}
	if len(done) != 2 || done[0] == "" || failed == nil {
		t.Errorf("%q, %v", done, failed)
	}
}

// wrongSums is a store that keeps wrong sums of a country until they are fixed.
type wrongSums struct {
	*memory.Store
	fixed bool
}

func (w *wrongSums) LevelAudits(context.Context) ([]audit.LevelAudit, error) {
	all := []audit.LevelAudit{{Country: "DE", Stored: audit.LevelSums{Plans: 1}, Counted: audit.LevelSums{Plans: 1}}, {Country: "US"}}
	if !w.fixed {
		all[1].Stored.Free = 1
	}
	return all, nil
}

func (w *wrongSums) FixLevel(_ context.Context, country stock.Country) error {
	w.fixed = w.fixed || country == "US"
	return nil
}

// TestSumsFollowPlans checks that wrong sums of a country are found and fixed.
func TestSumsFollowPlans(t *testing.T) {
	fx := newFixture(t, 1)
	fx.doc.Store = &wrongSums{Store: fx.store}
	for f, err := range fx.doc.Examine(t.Context()) {
		if err != nil || f.Country != "US" {
			t.Errorf("%+v, %v", f, err)
		}
	}
	fx.finds(fx.doc.Examine(t.Context()), doctor.StockSums)
	fx.finds(fx.doc.Repair(t.Context()), doctor.StockSums)
	fx.finds(fx.doc.Examine(t.Context()))
}

// TestEveryCodeIsExplained checks that each code has a meaning and a next step.
func TestEveryCodeIsExplained(t *testing.T) {
	for _, c := range doctor.Codes() {
		if a := (doctor.Finding{Code: c}).Advice(); a.Means == "" || a.Repair == "" && a.Decide == "" {
			t.Errorf("%s: %+v", c, a)
		}
	}
	if n := len(doctor.Codes()); n != 23 {
		t.Errorf("%d codes: a code must not go", n)
	}
}

// TestArchivedStore checks that archived data is not reported as missing, and that
// inconsistencies are found as before.
func TestArchivedStore(t *testing.T) {
	fx := newFixture(t, 6)
	for _, login := range []string{"wrong_address", "success"} {
		for i := range 5 {
			fx.accept(code(i), login+"@example.com")
		}
		fx.work()
	}
	account := tasks.Account{Login: tasks.NewSecret("success@example.com"), Password: tasks.NewSecret("a Password 1")}
	fx.must(fx.engine.Accept(t.Context(), tasks.Request{Kind: tasks.Renew, Code: code(4), Country: "US", Account: account}))
	fx.work()
	fx.accept(code(4), "success@example.com") // its second spent slot
	fx.work()
	for i := range 5 {
		r, err := fx.store.Record(t.Context(), code(i))
		fx.must(err)
		r.At = r.At.Add(2 * archive.MinAge)
		cut, found := archive.Decide(r, r.At, fx.engine.NewID())
		if !found || !fx.doc.Healthy(r) {
			t.Fatal("nothing to archive")
		}
		_, err = fx.store.Archive(t.Context(), []archive.Plan{cut}, func(archive.Rows) error { return nil })
		fx.must(err)
	}
	fx.finds(fx.doc.Examine(t.Context()))
	fx.corrupt(code(0), func(v tasks.Snapshot, c *tasks.Change) {
		c.Events = []tasks.Event{{Code: v.Key.Code, Type: tasks.EventEnded, Task: v.Task.ID, Kind: tasks.Upgrade, Outcome: tasks.Success}}
	})
	fx.corrupt(code(2), func(v tasks.Snapshot, c *tasks.Change) { c.Task, v.Task.Slot = v.Task, stock.Free })
	fx.corrupt(code(3), func(_ tasks.Snapshot, c *tasks.Change) { c.Key.Task = "gone" })
	fx.finds(fx.doc.Examine(t.Context()), doctor.UpgradedTwice, doctor.SlotHistory, doctor.TaskMissing, doctor.PlanTasks)
}
