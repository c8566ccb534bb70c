package doctor_test

import (
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
)

// plain is a sealer that does not encrypt.
type plain struct{}

func (plain) Seal(plain, _ []byte) ([]byte, error)  { return plain, nil }
func (plain) Open(sealed, _ []byte) ([]byte, error) { return sealed, nil }

// A ward is a store in memory, its engine and its doctor.
type ward struct {
	*testing.T
	store *memory.Store
	desk  tasks.Engine
	doc   doctor.Doctor
}

// admit creates a ward with n keys K0000, K0001, … and a plan of n slots.
func admit(t *testing.T, n int) ward {
	store := memory.New(time.Now)
	desk := daemon.NewEngine(store, simulator.Connector{}, plain{}, tasks.DefaultRules())
	w := ward{t, store, desk, doctor.Doctor{Store: store, Sealer: plain{}, Stale: time.Minute, NewID: desk.NewID}}
	country := stock.Country("US")
	w.must(store.EditPlans(t.Context(), []stock.PlanEdit{{ID: "p", Country: &country, Size: &n}}))
	w.must(store.ImportKeys(t.Context(), tasks.ImportBatch{ID: "b", Type: tasks.EventImported}, func(yield func(keys.Key, error) bool) {
		for i := range n {
			if !yield(keys.Key{Code: code(i), Status: keys.Active}, nil) {
				return
			}
		}
	}))
	return w
}

func code(i int) keys.Code { return keys.Code(fmt.Sprintf("K%04d", i)) }

func (w ward) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// accept opens an upgrade for a key. Its login determines its outcome.
func (w ward) accept(c keys.Code, login string) {
	w.Helper()
	w.must(w.desk.Accept(w.Context(), tasks.Request{
		Kind: tasks.Upgrade, Code: c, Country: "US",
		Account: tasks.Account{Login: tasks.NewSecret(login), Password: tasks.NewSecret("a")},
	}))
}

// work does all due work.
func (w ward) work() {
	w.Helper()
	jobs, err := w.desk.Lease(w.Context(), "w", 1000, time.Minute)
	w.must(err)
	for _, job := range jobs {
		w.must(w.desk.Work(w.Context(), w.Context(), job).Err)
	}
}

// hurt makes a change that no decision would make.
func (w ward) hurt(c keys.Code, how func(v tasks.Snapshot, change *tasks.Change)) {
	w.Helper()
	v, err := w.desk.Snapshot(w.Context(), c)
	w.must(err)
	change := tasks.Change{ID: w.desk.NewID(), Key: &v.Key}
	how(v, &change)
	errs, err := w.store.Apply(w.Context(), []tasks.Change{change})
	w.must(err)
	w.must(errs[0])
}

// finds checks that exactly those codes are found, in that order.
func (w ward) finds(found iter.Seq2[doctor.Finding, error], want ...doctor.Code) {
	w.Helper()
	var got []doctor.Code
	for f, err := range found {
		w.must(err)
		got = append(got, f.Code)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.Errorf("found %v, not %v", got, want)
	}
}

// TestAHealthyStore has more keys than a page, and work of every kind.
func TestAHealthyStore(t *testing.T) {
	w := admit(t, 1203)
	for i, login := range []string{"success", "wrong_address", "plan_full", "success", "account_locked"} {
		w.accept(code(i*300), login+"@example.com")
		w.finds(w.doc.Examine(t.Context()))
		w.work()
		w.finds(w.doc.Examine(t.Context()))
	}
	w.finds(w.doc.Repair(t.Context()))
}

// TestPages checks that a record is found once, on whatever page it is.
func TestPages(t *testing.T) {
	w := admit(t, 1203)
	var want []doctor.Code
	for _, i := range []int{0, 499, 500, 999, 1000, 1202} {
		w.hurt(code(i), func(_ tasks.Snapshot, c *tasks.Change) { c.Key.Status = keys.InQueue })
		want = append(want, doctor.QueueEmpty)
	}
	w.finds(w.doc.Examine(t.Context()), want...)
	w.finds(w.doc.Repair(t.Context()), want...)
	w.finds(w.doc.Examine(t.Context()))
}

// TestCounters checks that counters follow the recorded moves, and that the correction is recorded.
func TestCounters(t *testing.T) {
	w := admit(t, 5)
	w.accept(code(0), "success@example.com")
	w.hurt(code(1), func(_ tasks.Snapshot, c *tasks.Change) {
		c.Transfer = &stock.Transfer{Plan: "p", Country: "US", From: stock.Free, To: stock.Spent}
	})
	w.finds(w.doc.Examine(t.Context()), doctor.PlanMoves)
	w.finds(w.doc.Repair(t.Context()), doctor.PlanMoves)
	w.finds(w.doc.Examine(t.Context()))
	noted, err := w.store.History(t.Context(), "")
	if err != nil || len(noted) != 1 || noted[0].Plan != "p" || noted[0].Type != tasks.EventRepaired || noted[0].To != "" {
		t.Errorf("noted: %+v, %v", noted, err)
	}
	w.work()
	w.finds(w.doc.Examine(t.Context()))
}

// TestTwoOfThree checks that two agreeing sources of a slot correct the third.
func TestTwoOfThree(t *testing.T) {
	for name, c := range map[string]struct {
		hurt func(v tasks.Snapshot, c *tasks.Change)
		want stock.SlotCounts
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
			w := admit(t, 5)
			w.accept(code(0), "success@example.com")
			w.work()
			w.hurt(code(0), c.hurt)
			for _, err := range w.doc.Repair(t.Context()) {
				w.must(err)
			}
			w.finds(w.doc.Examine(t.Context()))
			all, err := w.store.Plans(t.Context(), 0, 1)
			w.must(err)
			v, err := w.desk.Snapshot(t.Context(), code(0))
			w.must(err)
			if got := all[0].Counts(); got != c.want || v.Task.Slot != stock.Spent {
				t.Errorf("%v, the task %s", got, v.Task.Slot)
			}
		})
	}
}

// TestAtWork checks that a leased task is not changed.
func TestAtWork(t *testing.T) {
	w := admit(t, 5)
	w.accept(code(0), "success@example.com")
	w.hurt(code(0), func(v tasks.Snapshot, c *tasks.Change) { c.Task = v.Task; c.Task.Sealed = nil })
	if _, err := w.desk.Lease(t.Context(), "w", 1, time.Hour); err != nil {
		t.Fatal(err)
	}
	w.finds(w.doc.Repair(t.Context()), doctor.SecretMissing)
	w.finds(w.doc.Examine(t.Context()), doctor.SecretMissing)
}

// TestCountersWait checks that counters are not corrected from a history that still needs a repair.
func TestCountersWait(t *testing.T) {
	w := admit(t, 5)
	w.accept(code(0), "success@example.com")
	w.hurt(code(0), func(v tasks.Snapshot, c *tasks.Change) {
		c.Events = []tasks.Event{{Code: v.Key.Code, Task: v.Task.ID, Plan: "p", From: stock.Held, To: stock.Free}}
	})
	if _, err := w.desk.Lease(t.Context(), "w", 1, time.Hour); err != nil {
		t.Fatal(err)
	}
	w.finds(w.doc.Repair(t.Context()), doctor.SlotHistory, doctor.PlanMoves, doctor.PlanTasks)
	if all, err := w.store.Plans(t.Context(), 0, 1); err != nil || all[0].Held != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestEveryCodeIsExplained checks that each code has a meaning and a next step.
func TestEveryCodeIsExplained(t *testing.T) {
	for _, c := range doctor.Codes() {
		if a := (doctor.Finding{Code: c}).Advice(); a.Means == "" || a.Repair == "" && a.Decide == "" {
			t.Errorf("%s: %+v", c, a)
		}
	}
	if n := len(doctor.Codes()); n != 22 {
		t.Errorf("%d codes: a code does not go", n)
	}
}

// TestAnArchivedStore checks that archived data is not reported as missing, and that
// inconsistencies are found as before.
func TestAnArchivedStore(t *testing.T) {
	w := admit(t, 6)
	for _, login := range []string{"wrong_address", "success"} {
		for i := range 5 {
			w.accept(code(i), login+"@example.com")
		}
		w.work()
	}
	account := tasks.Account{Login: tasks.NewSecret("success@example.com"), Password: tasks.NewSecret("a Password 1")}
	w.must(w.desk.Accept(t.Context(), tasks.Request{Kind: tasks.Renew, Code: code(4), Country: "US", Account: account}))
	w.work()
	w.accept(code(4), "success@example.com") // and so it has spent two slots
	w.work()
	for i := range 5 {
		r, err := w.store.Record(t.Context(), code(i))
		w.must(err)
		r.At = r.At.Add(2 * tasks.ArchiveAge)
		cut, found := r.Archive(r.At, w.desk.NewID())
		if !found || !w.doc.Healthy(r) {
			t.Fatal("nothing to archive")
		}
		_, err = w.store.Archive(t.Context(), []tasks.ArchivePlan{cut}, func(tasks.ArchivedRows) error { return nil })
		w.must(err)
	}
	w.finds(w.doc.Examine(t.Context()))
	w.hurt(code(0), func(v tasks.Snapshot, c *tasks.Change) {
		c.Events = []tasks.Event{{Code: v.Key.Code, Type: tasks.EventEnded, Task: v.Task.ID, Kind: tasks.Upgrade, Outcome: tasks.Success}}
	})
	w.hurt(code(2), func(v tasks.Snapshot, c *tasks.Change) { c.Task, v.Task.Slot = v.Task, stock.Free })
	w.hurt(code(3), func(_ tasks.Snapshot, c *tasks.Change) { c.Key.Task = "gone" })
	w.finds(w.doc.Examine(t.Context()), doctor.UpgradedTwice, doctor.SlotHistory, doctor.TaskMissing, doctor.PlanTasks)
}
