package storetest

import (
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/archive"
	"github.com/keyseat/keyseat/tasks/audit"
	"github.com/keyseat/keyseat/tasks/outbox"
)

// An ArchiveStore is a store that archives finished tasks. It needs an inspector, because archive plans are made from
// the inspector's records. It needs an outbox, because a pending delivery prevents the archiving of a key.
type ArchiveStore interface {
	Store
	audit.Inspector
	outbox.Outbox
	archive.Archiver
}

var archiveCases = []testCase[archiveFixture]{
	{"Archive/finished tasks are removed and all counts stay", func(f archiveFixture) {
		f.finishTasks("A")
		f.finishTasks("B")
		f.issue("fresh")
		before, snapshot, other, audits := f.record("A"), f.snapshot("A"), f.record("B"), f.planAudits()
		c := f.archivePlan("A")
		errs, rows := f.runArchive(c)
		f.want("verdict", errs, []error{nil})
		f.want("tasks", rows.Tasks, []tasks.Task{before.Tasks[0], before.Tasks[2]})
		f.want("entries", len(rows.Lines), len(before.Events))
		for i, l := range rows.Lines {
			f.want("entry", l.Event, before.Events[i])
			f.want("has a change and is in order", l.Change != "" && (i == 0 || l.Seq > rows.Lines[i-1].Seq), true)
		}
		after := f.snapshot("A")
		f.want("key", after.Key, snapshot.Key)
		f.want("latest task", *after.Task, *snapshot.Task)
		f.want("plan audits", f.planAudits(), audits)
		f.want("history", f.history("A"), "archived:plan-A:free>spent archived:plan-A:free>spent")
		f.want("tasks left", f.record("A").Tasks, []tasks.Task{before.Tasks[1], before.Tasks[3]})
		f.wantRecord("another key", f.record("B"), other)
		r := f.record("A")
		_, found := archive.Decide(r, r.At.Add(time.Hour), id())
		f.want("more to archive", found, false)
		errs, rows = f.runArchive(c)
		f.want("again", errs, []error{tasks.ErrConflict})
		f.want("archived again", len(rows.Lines), 0)
	}},
	{"Archive/a consumed slot can be released", func(f archiveFixture) {
		f.finishTasks("A")
		f.runArchive(f.archivePlan("A"))
		first := f.record("A").Tasks[0]
		f.release(first.ID)
		f.want("slots", f.slots("plan-A"), "1/0/1/0")
		f.levelsMatch()
		_, rows := f.runArchive(f.archivePlan("A"))
		f.want("tasks", len(rows.Tasks), 1)
		f.want("task", rows.Tasks[0].ID, first.ID)
		f.want("history", f.history("A"), "archived:plan-A:free>spent")
		f.want("moves", f.planAudits()[0].Moves, stock.SlotCounts{Spent: 1})
	}},
	{"Archive/nothing is removed if the archive fails", func(f archiveFixture) {
		f.finishTasks("A")
		before := f.record("A")
		_, err := f.all.Archive(f.ctx, []archive.Plan{f.archivePlan("A")}, func(archive.Rows) error { return errSource })
		f.wantError("error", err, errSource)
		f.wantRecord("record", f.record("A"), before)
	}},
	{"Archive/a changed key is not archived", func(f archiveFixture) {
		f.finishTasks("A")
		f.finishTasks("B")
		plans := []archive.Plan{f.archivePlan("A"), f.archivePlan("B"), f.archivePlan("B")}
		unknown := plans[0]
		unknown.Code, unknown.Tasks = "unknown", nil
		f.update(tasks.Revoke, "A")
		before := f.record("A")
		errs, rows := f.runArchive(append(plans, unknown)...)
		f.want("verdicts", errs, []error{tasks.ErrConflict, nil, tasks.ErrConflict, tasks.ErrConflict})
		for _, l := range rows.Lines {
			f.want("entry of", l.Code, "B")
		}
		f.wantRecord("record", f.record("A"), before)
	}},
	{"Archive/a key with a pending delivery is not archived", func(f archiveFixture) {
		o := outboxFixture{f.fixture, f.all}
		o.subscribe("L")
		f.finishTasks("A")
		archive := func(when string, want error) {
			f.Helper()
			errs, _ := f.runArchive(f.archivePlan("A"))
			f.want(when, errs, []error{want})
		}
		archive("not routed", tasks.ErrConflict)
		o.route()
		archive("not delivered", tasks.ErrConflict)
		m := o.leaseOne("L")
		m.DeliveredSeq = m.LastSeq
		f.must(f.all.CompleteDelivery(f.ctx, m, nil))
		archive("delivered", nil)
		f.want("deliveries of the archive", o.route()+len(o.leaseAll("L")), 0)
	}},
	{"Records/pages", func(f archiveFixture) {
		f.finishTasks("b")
		f.issue("a", "B", "-")
		var got []keys.Code
		for after := keys.Code(""); ; {
			page := must(f.all.Records(f.ctx, after, 3))
			if len(page) == 0 {
				break
			}
			for _, r := range page {
				after = r.Code
				got = append(got, r.Code)
				f.wantRecord("record", r, f.record(r.Code))
			}
		}
		f.want("codes", got, []keys.Code{"-", "B", "a", "b"})
	}},
	// The case releases a slot without an event, so that the counters of the plan contradict the history.
	{"FixCounters/the counters become those of the history", func(f archiveFixture) {
		f.finishTasks("A")
		o := outboxFixture{f.fixture, f.all}
		o.subscribe("L")
		v := f.snapshot("A")
		c := must(tasks.Release(v, id()))
		c.Task, c.Events = nil, nil
		c.Key = &v.Key
		f.must(f.apply(c))
		f.want("slots", f.slots("plan-A"), "1/0/1/0")
		audits := must(f.all.PlanAudits(f.ctx))
		fix := must(audits[0].FixCounters(id()))
		f.must(f.all.FixCounters(f.ctx, fix))
		f.want("corrected", f.slots("plan-A"), "0/0/2/0")
		f.levelsMatch()
		f.want("again", f.all.FixCounters(f.ctx, fix), tasks.ErrConflict)
		f.want("history", f.history(""), "repaired:plan-A:>")
		f.want("routed", o.route(), 0)
		n := must(f.all.Replay(f.ctx, outbox.Replay{Subscriber: "L", Causes: []tasks.EventType{tasks.EventRepaired}}))
		f.want("replayed", []int{n, len(o.leaseAll("L"))}, []int{0, 0})
	}},
}

// An archiveFixture is a fixture with all ports of an [ArchiveStore].
type archiveFixture struct {
	fixture
	all ArchiveStore
}

// finishTasks makes a key with four tasks: a failed upgrade, a successful one, a renew and another successful upgrade.
// The first and the third task can be archived.
func (f archiveFixture) finishTasks(code keys.Code) {
	f.Helper()
	f.plan("plan-"+string(code), "US", 2)
	f.issue(code)
	for _, task := range []struct {
		kind    tasks.Kind
		outcome tasks.Outcome
	}{{tasks.Upgrade, tasks.WrongAddress}, {tasks.Upgrade, tasks.Success}, {tasks.Renew, tasks.Success}, {tasks.Upgrade, tasks.Success}} {
		f.finish(task.kind, code, task.outcome)
	}
}

func (f archiveFixture) record(code keys.Code) audit.Record {
	f.Helper()
	return must(f.all.Record(f.ctx, code))
}

// wantRecord checks that two records of keys are equal, apart from their times.
func (f archiveFixture) wantRecord(what string, got, want audit.Record) {
	f.Helper()
	got.At, want.At = time.Time{}, time.Time{}
	f.want(what, got, want)
}

// archivePlan returns an archive plan of the key, made as if the key had not changed for 2×[archive.MinAge].
func (f archiveFixture) archivePlan(code keys.Code) archive.Plan {
	f.Helper()
	r := f.record(code)
	for _, e := range r.Events {
		if old := e.At.Add(2 * archive.MinAge); old.After(r.At) {
			r.At = old
		}
	}
	plan, found := archive.Decide(r, r.At, id())
	f.want("something to archive of "+string(code), found, true)
	return plan
}

// runArchive runs archive plans. It returns the error of each, and the archived rows.
func (f archiveFixture) runArchive(plans ...archive.Plan) (errs []error, rows archive.Rows) {
	f.Helper()
	errs, err := f.all.Archive(f.ctx, plans, func(p archive.Rows) error {
		rows = p
		return nil
	})
	f.must(err)
	return errs, rows
}

// levelsMatch checks that the stock agrees with the plans. If the store keeps sums for each country, they must agree
// too.
func (f archiveFixture) levelsMatch() {
	f.Helper()
	for _, a := range must(f.all.LevelAudits(f.ctx)) {
		f.want("sums of "+string(a.Country), a.Stored, a.Counted)
	}
	plans := must(f.Plans(f.ctx, 0, 100))
	f.want("stock", must(f.Stock(f.ctx)), stock.Levels(time.Now(), plans))
}

// planAudits returns the audits of all plans, without their times.
func (f archiveFixture) planAudits() []audit.PlanAudit {
	f.Helper()
	all := must(f.all.PlanAudits(f.ctx))
	for i := range all {
		all[i].At = time.Time{}
	}
	return all
}
