package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// An ArchiveStore is a store that archives finished tasks.
type ArchiveStore interface {
	Store
	tasks.Inspector
	tasks.Outbox
	tasks.Archiver
}

// RunArchive tests whether a store keeps the contract of [tasks.Archiver].
func RunArchive(t *testing.T, open func(t testing.TB) ArchiveStore) {
	for name, run := range map[string]func(f archive){
		"Archive/what is over goes and all that counts stays": archiveCounts,
		"Archive/a slot that was spent can be released":       archiveReleases,
		"Archive/nothing goes that was not kept":              archiveKeeps,
		"Archive/a key that has changed is left":              archiveChanged,
		"Archive/a key that a listener waits for is left":     archiveAwaited,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			run(archive{newFixture(t, s), s})
		})
	}
}

// An archive is a fixture together with the other ports of the store.
type archive struct {
	fixture
	all ArchiveStore
}

// lived makes a key with four tasks: a failed upgrade, a successful one, a renewal and another successful upgrade.
// The first and the third task can be archived.
func (f archive) lived(code keys.Code) {
	f.Helper()
	f.plan("plan-"+string(code), "US", 2)
	f.issue(code)
	for _, was := range []struct {
		kind tasks.Kind
		came tasks.Outcome
	}{{tasks.Upgrade, tasks.WrongAddress}, {tasks.Upgrade, tasks.Success}, {tasks.Renew, tasks.Success}, {tasks.Upgrade, tasks.Success}} {
		f.accept(was.kind, code, "US")
		f.end(f.lease(), was.came)
	}
}

func (f archive) record(code keys.Code) tasks.Record {
	f.Helper()
	r, err := f.all.Record(f.ctx, code)
	f.must(err)
	return r
}

// decided returns an archive plan of the key, made as if the key had not changed for 2×[tasks.ArchiveAge].
func (f archive) decided(code keys.Code) tasks.ArchivePlan {
	f.Helper()
	r := f.record(code)
	for _, e := range r.Events {
		if long := e.At.Add(2 * tasks.ArchiveAge); long.After(r.At) {
			r.At = long
		}
	}
	c, found := r.Archive(r.At, id())
	f.want("something to archive of "+string(code), found, true)
	return c
}

// archived runs archive plans. It returns the verdict on each, and the rows that the store passed on.
func (f archive) archived(cuts ...tasks.ArchivePlan) (errs []error, past tasks.ArchivedRows) {
	f.Helper()
	errs, err := f.all.Archive(f.ctx, cuts, func(p tasks.ArchivedRows) error {
		past = p
		return nil
	})
	f.must(err)
	return errs, past
}

// tallies returns the audits of all plans, without their times.
func (f archive) tallies() []tasks.PlanAudit {
	f.Helper()
	all, err := f.all.PlanAudits(f.ctx)
	f.must(err)
	for i := range all {
		all[i].At = time.Time{}
	}
	return all
}

func archiveCounts(f archive) {
	f.lived("A")
	f.lived("B")
	f.issue("fresh")
	before, view, other, counted := f.record("A"), f.view("A"), f.record("B"), f.tallies()
	c := f.decided("A")
	errs, past := f.archived(c)
	f.want("verdict", errs, []error{nil})
	f.want("tasks", past.Tasks, []tasks.Task{before.Tasks[0], before.Tasks[2]})
	f.want("lines", len(past.Lines), len(before.Events))
	for i, l := range past.Lines {
		f.want("line", l.Event, before.Events[i])
		f.want("has a name", l.Change != "" && (i == 0 || l.Seq > past.Lines[i-1].Seq), true)
	}
	after := f.view("A")
	f.want("key", after.Key, view.Key)
	f.want("latest task", *after.Task, *view.Task)
	f.want("tallies", f.tallies(), counted)
	f.want("story", f.story("A"), "archived:plan-A:free>spent archived:plan-A:free>spent")
	f.want("tasks left", f.record("A").Tasks, []tasks.Task{before.Tasks[1], before.Tasks[3]})
	got, want := f.record("B"), other
	got.At, want.At = time.Time{}, time.Time{}
	f.want("another key", got, want)
	r := f.record("A")
	_, found := r.Archive(r.At.Add(time.Hour), id())
	f.want("more to archive", found, false)
	errs, past = f.archived(c)
	f.want("again", errs, []error{tasks.ErrConflict})
	f.want("kept again", len(past.Lines), 0)
}

func archiveReleases(f archive) {
	f.lived("A")
	f.archived(f.decided("A"))
	first := f.record("A").Tasks[0]
	f.release(first.ID)
	f.want("slots", f.slots("plan-A"), "1/0/1/0")
	_, past := f.archived(f.decided("A"))
	f.want("tasks", len(past.Tasks), 1)
	f.want("task", past.Tasks[0].ID, first.ID)
	f.want("story", f.story("A"), "archived:plan-A:free>spent")
	f.want("moves", f.tallies()[0].Moves, stock.SlotCounts{Spent: 1})
}

func archiveKeeps(f archive) {
	f.lived("A")
	before := f.record("A")
	_, err := f.all.Archive(f.ctx, []tasks.ArchivePlan{f.decided("A")}, func(tasks.ArchivedRows) error { return errTorn })
	f.want("error", errors.Is(err, errTorn), true)
	after := f.record("A")
	before.At, after.At = time.Time{}, time.Time{}
	f.want("record", after, before)
}

func archiveChanged(f archive) {
	f.lived("A")
	f.lived("B")
	cuts := []tasks.ArchivePlan{f.decided("A"), f.decided("B"), f.decided("B")}
	nobody := cuts[0]
	nobody.Code, nobody.Tasks = "nobody", nil
	c, err := tasks.Revoke(f.view("A"), id())
	f.must(err)
	f.must(f.apply(c))
	before := f.record("A")
	errs, past := f.archived(append(cuts, nobody)...)
	f.want("verdicts", errs, []error{tasks.ErrConflict, nil, tasks.ErrConflict, tasks.ErrConflict})
	for _, l := range past.Lines {
		f.want("line of", l.Code, "B")
	}
	after := f.record("A")
	before.At, after.At = time.Time{}, time.Time{}
	f.want("record", after, before)
}

func archiveAwaited(f archive) {
	o := outbox{f.fixture, f.all}
	o.listen("L")
	f.lived("A")
	try := func(when string, want error) {
		f.Helper()
		errs, _ := f.archived(f.decided("A"))
		f.want(when, errs, []error{want})
	}
	try("not routed", tasks.ErrConflict)
	o.route()
	try("not told", tasks.ErrConflict)
	m := o.one("L")
	m.DeliveredSeq = m.LastSeq
	f.must(f.all.CompleteDelivery(f.ctx, m, nil))
	try("told", nil)
	f.want("told of the archive", o.route()+len(o.collect("L")), 0)
}
