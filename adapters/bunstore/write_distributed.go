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
	casKeysSQL    = compareAndSetSQL(keyTable, "x.version = r.was")
	casTasksSQL   = compareAndSetSQL(taskTable, "x.id = r.id AND x.version = r.was AND x.fence = r.fence", "worker = NULL")
	setPlansSQL   = "WITH @p " + updatePlansSQL + " RETURNING x.id"
	addTasksSQL   = insertSQL(taskTable, "@r")
	addHistorySQL = insertHistoryFrom("@r")
	lockKeysSQL   = `UPDATE keyseat_keys AS x SET version = x.version WHERE x.code = ANY (@codes) RETURNING x.code`
)

// compareAndSetSQL returns the SQL that updates the rows of @r that still meet the condition where. It returns
// the code of each updated row.
func compareAndSetSQL[T any](t table[T], where string, also ...string) string {
	return "UPDATE " + t.name + " AS x SET " + strings.Join(assignments(t, "r", also), ", ") +
		" FROM @r WHERE x.code = r.code AND " + where + " AND x.code = ANY (@codes) RETURNING x.code"
}

// writeCAS writes the rows of the ledger, with one statement for each table. It returns errAgain if other
// transactions have changed some of the rows. The whole transaction then runs again.
func (l *changeset) writeCAS(ctx context.Context, ask asker) error {
	var w casWriter
	if codes := l.unwrittenKeys(); len(codes) > 0 {
		w.set(lockKeysSQL, args{"codes": codes}, len(codes))
	}
	w.compareAndSet(casKeysSQL, withReadVersions(l, keyTable, l.rows.keys, func(k keys.Key) taskKey { return taskKey{code: k.Code} }))
	w.compareAndSet(casTasksSQL, withReadVersions(l, taskTable, l.rows.updated, func(t tasks.Task) taskKey { return taskKey{t.Code, t.ID} }))
	w.insert(addTasksSQL, taskTable.batch(l.rows.inserted))
	if plans := planTable.batch(l.allocator.Changed()); len(plans.rows) > 0 {
		w.set(setPlansSQL, args{"p": plans}, len(plans.rows))
	}
	w.insert(addHistorySQL, historyTable.batch(l.rows.history))
	err := ask(ctx, w.queries...)
	if err == nil && w.changed != w.want {
		err = errAgain
	}
	return err
}

// withReadVersions returns rows to write, each with the version that was read, in the column "was".
func withReadVersions[T any](l *changeset, t table[T], rows []T, name func(T) taskKey) batch {
	b := t.batch(rows)
	b.columns += ", was bigint"
	for i, row := range rows {
		b.rows[i] = append(b.rows[i], l.readVersions[name(row)])
	}
	return b
}

// unwrittenKeys returns the keys that get history entries but are not written themselves. writeApart locks them
// too. Otherwise a later entry of a key could become visible, and reach subscribers, before an earlier one.
func (l *changeset) unwrittenKeys() (codes texts) {
	known := map[keys.Code]bool{}
	for _, line := range l.rows.history {
		if _, written := l.rows.keyIndex[line.Code]; !written && !known[line.Code] {
			known[line.Code] = true
			codes = append(codes, string(line.Code))
		}
	}
	return codes
}

// casWriter collects statements. It counts the rows that they must change (want) and have changed (changed).
type casWriter struct {
	queries       []question
	want, changed int
}

// set adds a statement that must change n rows.
func (w *casWriter) set(text string, named args, n int) {
	w.want += n
	w.queries = append(w.queries, question{text, named, func(row) error { w.changed++; return nil }})
}

// compareAndSet adds a compare-and-set of rows, if there are any.
func (w *casWriter) compareAndSet(text string, rows batch) {
	if len(rows.rows) > 0 {
		w.set(text, args{"r": inline{rows}, "codes": rows.texts(0)}, len(rows.rows))
	}
}

// insert adds an insert of rows, if there are any.
func (w *casWriter) insert(text string, rows batch) {
	if len(rows.rows) > 0 {
		w.queries = append(w.queries, question{text, args{"r": inline{rows}}, func(row) error { return nil }})
	}
}
