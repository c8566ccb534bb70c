package bunstore

import (
	"context"
	"strings"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// The statements with which a distributed store writes. They are compare-and-set operations: they
// change a row only if it still has the version that was read.
var (
	setKeys  = compareAndSet(keyTable, "x.version = r.was")
	setTasks = compareAndSet(taskTable, "x.id = r.id AND x.version = r.was AND x.fence = r.fence", "worker = NULL")
	setPlans = "WITH @p " + updatePlans + " RETURNING x.id"
	addTasks = insert(taskTable, "@r")
	addLines = insertLines("@r")
	lockKeys = `UPDATE keyseat_keys AS x SET version = x.version WHERE x.code = ANY (@codes) RETURNING x.code`
)

// compareAndSet returns the SQL that updates the rows of @r that still meet the condition where. It returns
// the code of each updated row.
func compareAndSet[T any](t table[T], where string, also ...string) string {
	return "UPDATE " + t.name + " AS x SET " + strings.Join(assign(t, "r", also), ", ") +
		" FROM @r WHERE x.code = r.code AND " + where + " AND x.code = ANY (@codes) RETURNING x.code"
}

// writeApart writes the rows of the ledger, with one statement for each table. It returns errAgain if other
// transactions have changed some of the rows. The whole transaction then runs again.
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

// versioned returns rows to write, each with the version that was read, in the column "was".
func versioned[T any](l *ledger, t table[T], rows []T, name func(T) taskName) batch {
	b := t.batch(rows)
	b.columns += ", was bigint"
	for i, row := range rows {
		b.rows[i] = append(b.rows[i], l.read[name(row)])
	}
	return b
}

// bystanders returns the keys that get history entries but are not written themselves. writeApart locks them
// too. Otherwise a later entry of a key could become visible, and reach subscribers, before an earlier one.
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

// apart collects statements. It counts the rows that they must change (want) and have changed (changed).
type apart struct {
	all           []question
	want, changed int
}

// set adds a statement that must change n rows.
func (w *apart) set(text string, named args, n int) {
	w.want += n
	w.all = append(w.all, question{text, named, func(row) error { w.changed++; return nil }})
}

// compare adds a compare-and-set of rows, if there are any.
func (w *apart) compare(text string, rows batch) {
	if len(rows.rows) > 0 {
		w.set(text, args{"r": inline{rows}, "codes": rows.texts(0)}, len(rows.rows))
	}
}

// add adds an insert of rows, if there are any.
func (w *apart) add(text string, rows batch) {
	if len(rows.rows) > 0 {
		w.all = append(w.all, question{text, args{"r": inline{rows}}, func(row) error { return nil }})
	}
}
