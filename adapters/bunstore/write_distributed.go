package bunstore

import (
	"context"
	"strings"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// How a distributed store writes: by compare-and-set on the versions that were read.
var (
	setKeys  = compareAndSet(keyTable, "x.version = r.was")
	setTasks = compareAndSet(taskTable, "x.id = r.id AND x.version = r.was AND x.fence = r.fence", "worker = NULL")
	setPlans = "WITH @p " + updatePlans + " RETURNING x.id"
	addTasks = insert(taskTable, "@r")
	addLines = insertLines("@r")
	lockKeys = `UPDATE keyseat_keys AS x SET version = x.version WHERE x.code = ANY (@codes) RETURNING x.code`
)

func compareAndSet[T any](t table[T], where string, also ...string) string {
	return "UPDATE " + t.name + " AS x SET " + strings.Join(assign(t, "r", also), ", ") +
		" FROM @r WHERE x.code = r.code AND " + where + " AND x.code = ANY (@codes) RETURNING x.code"
}

// writeApart writes what the ledger has come to, each table by a statement of its own, and asks for all
// to be run again if others were faster.
func (l *ledger) writeApart(ctx context.Context, ask asker) error {
	var w apart
	if codes := l.bystanders(); len(codes) > 0 {
		w.set(lockKeys, args{"codes": codes}, len(codes))
	}
	w.compare(setKeys, versioned(l, keyTable, l.writes.keys, func(k keys.Key) taskName { return taskName{code: k.Code} }))
	w.compare(setTasks, versioned(l, taskTable, l.writes.changed, func(t tasks.Task) taskName { return taskName{t.Code, t.ID} }))
	w.add(addTasks, taskTable.batch(l.writes.fresh))
	if plans := planTable.batch(l.book.Changed()); len(plans.rows) > 0 {
		w.set(setPlans, args{"p": plans}, len(plans.rows))
	}
	w.add(addLines, historyTable.batch(l.writes.lines))
	err := ask(ctx, w.all...)
	if err == nil && w.changed != w.want {
		err = errAgain
	}
	return err
}

// versioned are rows to write, each with the version that it had.
func versioned[T any](l *ledger, t table[T], rows []T, name func(T) taskName) batch {
	b := t.batch(rows)
	b.columns += ", was bigint"
	for i, row := range rows {
		b.rows[i] = append(b.rows[i], l.read[name(row)])
	}
	return b
}

// bystanders are the keys that get lines of history but are not written. They are locked all the same,
// or a later line of a key could be seen, and told to listeners, before an earlier one.
func (l *ledger) bystanders() (codes texts) {
	known := map[keys.Code]bool{}
	for _, line := range l.writes.lines {
		if _, written := l.writes.keyAt[line.Code]; !written && !known[line.Code] {
			known[line.Code] = true
			codes = append(codes, string(line.Code))
		}
	}
	return codes
}

// apart are statements, and how many rows they are to change and have changed.
type apart struct {
	all           []question
	want, changed int
}

func (w *apart) set(text string, named args, n int) {
	w.want += n
	w.all = append(w.all, question{text, named, func(row) error { w.changed++; return nil }})
}

func (w *apart) compare(text string, rows batch) {
	if len(rows.rows) > 0 {
		w.set(text, args{"r": inline{rows}, "codes": rows.texts(0)}, len(rows.rows))
	}
}

func (w *apart) add(text string, rows batch) {
	if len(rows.rows) > 0 {
		w.all = append(w.all, question{text, args{"r": inline{rows}}, func(row) error { return nil }})
	}
}
